//! Certificates and keys in files, good and bad ones, and files that change.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where tests fail")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};
use server_tls::{Files, Identity, Reloaded, Remark, Validity};

/// A certificate with its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    pair_of(&CertificateParams::new(vec!["a.example".to_owned()]).unwrap())
}

fn pair_of(params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// A folder with the files `cert.pem` and `key.pem`.
fn folder(certificate: &str, key: &str) -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = files_in(folder.path());
    write(&files.certificate, certificate);
    write(&files.key, key);
    (folder, files)
}

fn files_in(folder: &Path) -> Files {
    Files {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    }
}

/// In place of what was there, at once, as careful programs do.
fn write(path: &PathBuf, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn a_pair_is_read_and_so_is_a_chain_or_both_in_one_file() {
    let (Pair { certificate, key }, other) = (pair(), pair());
    let check = |certificate: &str, key: &str| {
        let (_folder, files) = folder(certificate, key);
        let (identity, remarks) = Identity::open(files).unwrap();
        assert_eq!(remarks, []);
        let config = identity.config();
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        assert!(config.ticketer.enabled());
    };
    check(&certificate, &key);
    check(&format!("{certificate}\n{}", other.certificate), &key);
    let both = format!("a comment\n{certificate}{key}");
    check(&both, &both);
}

#[test]
fn what_cannot_be_used_is_said_with_its_flag_and_its_file() {
    let (Pair { certificate, key }, other) = (pair(), pair());
    #[track_caller]
    fn check(certificate: &str, key: &str, want: &[&str]) {
        let (_folder, files) = folder(certificate, key);
        let text = Identity::open(files).err().unwrap().to_string();
        assert!(want.iter().all(|part| text.contains(part)), "{text}");
    }
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_base64 = "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cut = &certificate[..certificate.len() / 2];
    let cert = ["--tls-cert", "cert.pem"];
    let of_key = ["--tls-key", "key.pem"];
    for (text, want) in [
        ("", "no certificate"),
        ("nothing of that kind", "no certificate"),
        (&key, "no certificate"),
        (damaged, "its certificate 1"),
        (cut, "its certificate 1"),
        (&format!("{certificate}{damaged}"), "its certificate 2"),
    ] {
        check(text, &key, &[&cert[..], &[want]].concat());
    }
    for (text, want) in [
        ("", "no private key"),
        (&certificate[..], "no private key"),
        (encrypted, "openssl pkey"),
        (no_base64, "cannot be read"),
        (no_key, "cannot be used"),
        (&format!("{key}{}", other.key), "2 private keys"),
    ] {
        check(&certificate, text, &[&of_key[..], &[want]].concat());
    }
    check(
        &certificate,
        &other.key,
        &["not that of the first certificate", "cert.pem", "key.pem"],
    );
    let reversed = format!("{}{certificate}", other.certificate);
    check(&reversed, &key, &["not that of the first certificate"]);
}

#[test]
fn a_file_that_is_missing_or_is_none_is_said() {
    let Pair { certificate, key } = pair();
    let (folder, files) = folder(&certificate, &key);
    let open = |files: Files| Identity::open(files).err().unwrap().to_string();
    let missing = open(Files {
        key: folder.path().join("other"),
        ..files.clone()
    });
    assert!(
        missing.contains("--tls-key") && missing.contains("No such file"),
        "{missing}"
    );
    let directory = open(Files {
        certificate: folder.path().to_owned(),
        ..files.clone()
    });
    assert!(
        directory.contains("--tls-cert") && directory.contains("not a file"),
        "{directory}"
    );
    write(&files.key, &"x".repeat(2 << 20));
    let long = open(files);
    assert!(long.contains("1 MiB"), "{long}");
}

#[test]
fn dates_and_a_key_that_all_can_read_are_worth_a_word() {
    let remarks = |from: i32, to: i32, mode| {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let Pair { certificate, key } = pair_of(&params);
        let (_folder, files) = folder(&certificate, &key);
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        Identity::open(files).unwrap().1
    };
    assert_eq!(remarks(2000, 4000, 0o640), []);
    let open = remarks(2000, 4000, 0o644);
    assert!(matches!(&open[..], [Remark::KeyOpenToAll(path)] if path.ends_with("key.pem")));
    let expired = remarks(2000, 2001, 0o600);
    let [Remark::Validity(_, Validity::Expired { since })] = &expired[..] else {
        panic!("{expired:?}");
    };
    assert!(since.as_secs() > 20 * 365 * 24 * 3600);
    assert!(
        expired[0].to_string().contains("has expired"),
        "{}",
        expired[0]
    );
    let early = remarks(3000, 4000, 0o600);
    assert!(
        matches!(&early[..], [Remark::Validity(_, Validity::NotYet { .. })]),
        "{early:?}"
    );
}

#[test]
fn files_are_read_again_once_they_have_settled() {
    let (first, second) = (pair(), pair());
    let (_folder, files) = folder(&first.certificate, &first.key);
    let (identity, _) = Identity::open(files.clone()).unwrap();
    let is_same = || matches!(identity.look(), Reloaded::Same);
    assert!(is_same() && is_same());
    write(&files.certificate, &second.certificate);
    assert!(is_same(), "the other one may be on its way");
    write(&files.key, &second.key);
    assert!(is_same());
    assert!(matches!(identity.look(), Reloaded::New(_)));
    assert!(is_same() && is_same());
}

#[test]
fn bad_files_change_nothing_and_are_said_once() {
    let Pair { certificate, key } = pair();
    let (_folder, files) = folder(&certificate, &key);
    let (identity, _) = Identity::open(files.clone()).unwrap();
    let is_same = || matches!(identity.look(), Reloaded::Same);
    for bad in [None, Some("nonsense")] {
        match bad {
            None => fs::remove_file(&files.key).unwrap(),
            Some(text) => write(&files.key, text),
        }
        assert!(is_same());
        assert!(matches!(identity.look(), Reloaded::Kept(_)));
        assert!(is_same() && is_same());
        assert!(
            matches!(identity.reload(), Reloaded::Kept(_)),
            "who asks is told again"
        );
    }
    write(&files.key, &key);
    assert!(matches!(identity.reload(), Reloaded::New(_)));
    assert!(is_same());
}

#[test]
fn a_link_that_leads_elsewhere_is_another_file() {
    let root = tempfile::tempdir().unwrap();
    for name in ["1", "2"] {
        let Pair { certificate, key } = pair();
        let of = root.path().join(name);
        fs::create_dir(&of).unwrap();
        write(&of.join("cert.pem"), &certificate);
        write(&of.join("key.pem"), &key);
    }
    // As a secret of Kubernetes is laid out.
    let present = root.path().join("data");
    symlink("1", &present).unwrap();
    let (identity, _) = Identity::open(files_in(&present)).unwrap();
    symlink("2", root.path().join("new")).unwrap();
    fs::rename(root.path().join("new"), &present).unwrap();
    assert!(matches!(identity.look(), Reloaded::Same));
    assert!(matches!(identity.look(), Reloaded::New(_)));
}
