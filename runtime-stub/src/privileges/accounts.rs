//! The two files that say which number a name has.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most of a file that is read.
const BYTES_MAX: u64 = 8 << 20;

/// A user of `/etc/passwd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    /// The first of its groups.
    pub(super) group: u32,
}

/// Reads a file of accounts; one that is missing has none.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(BYTES_MAX).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The user with a name, in the text of a `passwd` file (see passwd(5)).
pub(super) fn by_name(passwd: &str, name: &str) -> Option<Account> {
    users(passwd).find_map(|(found, account)| (found == name).then_some(account))
}

/// The user with a number.
pub(super) fn by_number(passwd: &str, number: u32) -> Option<Account> {
    users(passwd).find_map(|(_, account)| (account.user == number).then_some(account))
}

/// The number of a group, in the text of a `group` file (see group(5)).
pub(super) fn group_by_name(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()?;
        let number = fields.nth(1)?.parse().ok()?;
        (found == name).then_some(number)
    })
}

/// Lines in another form belong to other services, as `+::::::` does to NIS.
fn users(passwd: &str) -> impl Iterator<Item = (&str, Account)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some((name, Account { user, group }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        +::::::\n\
        # a comment\n\
        broken:x:12\n\
        www-data:x:33:34:www-data:/var/www:/usr/sbin/nologin\n\
        www-data:x:99:99:the second one:/:/bin/false";

    #[test]
    fn the_first_line_with_a_name_counts() {
        let account = |user, group| Some(Account { user, group });
        assert_eq!(by_name(PASSWD, "www-data"), account(33, 34));
        assert_eq!(by_number(PASSWD, 33), account(33, 34));
        assert_eq!(by_name(PASSWD, "root"), account(0, 0));
        for missing in ["broken", "+", "", "www", "# a comment"] {
            assert_eq!(by_name(PASSWD, missing), None, "{missing:?}");
        }
        assert_eq!(by_number(PASSWD, 12), None);
        let groups = "root:x:0:\nssl-cert:x:112:www-data,mail\nbad:x:-1:\n";
        assert_eq!(group_by_name(groups, "ssl-cert"), Some(112));
        assert_eq!(group_by_name(groups, "bad"), None);
    }

    #[test]
    fn a_missing_file_has_no_accounts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("passwd")).unwrap(), "");
        std::fs::write(folder.path().join("passwd"), b"a\xff:x:1:2:::\n").unwrap();
        let text = read(&folder.path().join("passwd")).unwrap();
        assert_eq!(by_number(&text, 1), Some(Account { user: 1, group: 2 }));
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange(text in "(\\PC|\n|:){0,200}", name in "\\PC{0,8}", number: u32) {
            let _ = by_name(&text, &name);
            let _ = by_number(&text, number);
            let _ = group_by_name(&text, &name);
        }
    }
}
