//! Refuses system calls that no server makes, by seccomp.
//!
//! A list of what is refused and not of what is allowed: what the C library and the runtime call
//! differs from version to version, and a call that is missing in a list would end a server in the
//! middle of a request. What is refused is what an attacker who runs code here would look for: other
//! programs, other processes, mounts and namespaces, and the parts of the kernel with the most holes.
//!
//! Since Linux 5.11 the kernel knows from a bitmap that all other calls are allowed, and runs no
//! filter for them.

use std::collections::BTreeMap;

use libc::{ENOSYS, EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads, sock_filter,
};

/// Other programs and processes.
const PROCESSES: [c_long; 11] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_personality,
];

/// Namespaces, mounts, and files by other ways than their path.
const MOUNTS: [c_long; 22] = [
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
];

/// Large parts of the kernel that a server has no use for, and the machine as a whole.
const KERNEL: [c_long; 29] = [
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_lookup_dcookie,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];

/// Shuts all threads off from these calls.
pub(super) fn restrict() -> Result<(), String> {
    for program in programs().map_err(|error| error.to_string())? {
        apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn programs() -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let refused = [&PROCESSES[..], &MOUNTS, &KERNEL].concat();
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        refused.into_iter().map(|call| (call, Vec::new())).collect();
    // A new thread, but no new process and no namespace.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let no_thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_thread])?]);
    let mut first = compile(rules, EPERM)?;
    first.splice(0..0, refuse_x32());
    // Its flags lie in memory, where no filter can look; the C library uses `clone` in its stead.
    let second = compile(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), ENOSYS)?;
    Ok([first, second])
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64)?.try_into()
}

/// The same calls have other numbers in the x32 ABI, from 2^30 on: none of those is allowed.
fn refuse_x32() -> [sock_filter; 3] {
    const X32_SYSCALL_BIT: u32 = 1 << 30;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const REFUSE: u32 = 0x0005_0000;
    let statement = |code, jf, k| sock_filter { code, jt: 0, jf, k };
    [
        // The number of the call is the first field of `seccomp_data`.
        statement(LOAD_WORD, 0, 0),
        statement(JUMP_IF_AT_LEAST, 1, X32_SYSCALL_BIT),
        statement(RETURN, 0, REFUSE | EPERM.unsigned_abs()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_call_stands_twice_and_the_kernel_takes_the_length() {
        let all = [&PROCESSES[..], &MOUNTS, &KERNEL].concat();
        let once: BTreeSet<_> = all.iter().collect();
        assert_eq!(once.len(), all.len());
        for program in programs().unwrap() {
            assert!(program.len() <= 4096);
        }
    }

    /// What a program decides about a call: a machine of the few instructions that are used.
    fn decide(program: &[sock_filter], call: u32, argument: u64) -> u32 {
        let data = |offset: u32| match offset {
            0 => call,
            4 => 0xc000_003e,
            16 => u32::try_from(argument & 0xffff_ffff).unwrap(),
            20 => u32::try_from(argument >> 32).unwrap(),
            _ => panic!("field at {offset}"),
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            let jump = |is_true| usize::from(if is_true { jt } else { jf });
            at += 1;
            match code {
                0x20 => value = data(k),
                0x54 => value &= k,
                0x05 => at += usize::try_from(k).unwrap(),
                0x15 => at += jump(value == k),
                0x25 => at += jump(value > k),
                0x35 => at += jump(value >= k),
                0x06 => return k,
                _ => panic!("instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn calls_are_decided_as_the_lists_say() {
        const ALLOW: u32 = 0x7fff_0000;
        const EPERM: u32 = 0x0005_0001;
        const ENOSYS: u32 = 0x0005_0026;
        let [first, second] = programs().unwrap();
        let number = |call: c_long| u32::try_from(call).unwrap();
        for call in 0..600 {
            let is_refused = [&PROCESSES[..], &MOUNTS, &KERNEL]
                .concat()
                .contains(&c_long::from(call));
            let is_clone = call == number(libc::SYS_clone);
            let want = if is_refused || is_clone { EPERM } else { ALLOW };
            assert_eq!(decide(&first, call, 0), want, "{call}");
            assert_eq!(decide(&first, call | 1 << 30, 0), EPERM, "x32 {call}");
            let is_clone3 = call == number(libc::SYS_clone3);
            let want = if is_clone3 { ENOSYS } else { ALLOW };
            assert_eq!(decide(&second, call, 0), want, "{call}");
        }
        let clone = |flags: i32| {
            decide(
                &first,
                number(libc::SYS_clone),
                u64::from(flags.unsigned_abs()),
            )
        };
        assert_eq!(clone(libc::CLONE_VM | libc::CLONE_THREAD), ALLOW);
        assert_eq!(clone(libc::SIGCHLD), EPERM);
        assert_eq!(clone(libc::CLONE_NEWUSER), EPERM);
        for used in [
            libc::SYS_mprotect,
            libc::SYS_madvise,
            libc::SYS_ioctl,
            libc::SYS_sendfile,
        ] {
            assert_eq!(decide(&first, number(used), 0), ALLOW);
        }
    }
}
