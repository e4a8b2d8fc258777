//! Files and folders as the store needs them: allocated for real, synced with their names.

use rustix::fs::{FallocateFlags, SeekFrom};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Makes the entries of a folder durable: a new or renamed file is only safe after this.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder and those above it that are not there, durably.
pub(crate) fn create_dirs(path: &Path) -> io::Result<()> {
    let missing: Vec<_> =
        path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    fs::create_dir_all(path)?;
    for made in missing {
        // A relative path of one part has the working folder above it.
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        sync_dir(above.unwrap_or_else(|| Path::new(".")))?;
    }
    Ok(())
}

/// The parts of `range` of a file that may be other than zeros. Where the file system does not tell, all of it.
pub(crate) fn data_in(file: &File, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start as u64;
    let end = range.end as u64;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start.min(end),
            // No data behind it.
            Err(rustix::io::Errno::NXIO) => end,
            Err(_) => at,
        };
        let stop = rustix::fs::seek(file, SeekFrom::Hole(start)).map_or(end, |stop| stop.min(end)).max(start);
        at = stop;
        (start < stop).then_some(start as usize..stop as usize)
    })
}

/// Writes bytes of a file once more and waits until they are on the disk: a page whose writing failed counts as written.
pub(crate) fn write_again(file: &File, bytes: &[u8], mut at: u64) -> io::Result<()> {
    let mut buffer = Vec::new();
    for part in bytes.chunks(1 << 20) {
        // Not straight from the map: it shows the pages that are being written.
        buffer.clear();
        buffer.extend_from_slice(part);
        file.write_all_at(&buffer, at)?;
        at += part.len() as u64;
    }
    file.sync_all()
}

/// Has the blocks of a file reserved that it does not have yet: writing to it later cannot run out of space.
pub(crate) fn reserve(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        // Such a file system writes what it has no blocks for as it likes.
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Creates a file of `len` zero bytes whose blocks are reserved: writing to it later cannot run out of space, which in a
/// mapped file would be a signal instead of an error.
pub(crate) fn create_allocated(path: &Path, len: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let allocated = allocate(&file, len).and_then(|()| file.sync_all());
    if let Err(error) = allocated {
        // A file that is only partly there would stop the next start.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

fn allocate(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = vec![0; 1024 * 1024];
            let mut left = len;
            let mut file = file;
            while left > 0 {
                let n = left.min(zeros.len() as u64);
                file.write_all(zeros.get(..n as usize).unwrap_or_default())?;
                left -= n;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes bytes from `start` to `end` zero, and durably so: what a crash left behind the end of the log must not come
/// back as records after the next one.
pub(crate) fn zero(file: &File, start: u64, end: u64) -> io::Result<()> {
    if start >= end {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::ZERO_RANGE, start, end - start) {
        Ok(()) => {}
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = vec![0; 1024 * 1024];
            let mut at = start;
            while at < end {
                let n = (end - at).min(zeros.len() as u64);
                file.write_all_at(zeros.get(..n as usize).unwrap_or_default(), at)?;
                at += n;
            }
        }
        Err(error) => return Err(error.into()),
    }
    file.sync_all()
}

/// Reads from `at` on until `buffer` is full or the file ends. Gives what was read.
pub(crate) fn read_full<'a>(file: &File, buffer: &'a mut [u8], at: u64) -> io::Result<&'a [u8]> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Makes bytes from `start` on of a sparse file zero by giving their blocks back, which needs no space. Whoever relies on it after a
/// power cut syncs.
pub(crate) fn clear(file: &File, start: u64) -> io::Result<()> {
    let len = file.metadata()?.len();
    if start >= len {
        return Ok(());
    }
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, start, len - start) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => zero(file, start, len),
        Err(error) => Err(error.into()),
    }
}

/// Whether all bytes from `start` on are zero. Holes of a sparse file are not read.
pub(crate) fn is_blank(file: &File, start: u64) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let mut at = start;
    loop {
        at = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            // There are none.
            Err(rustix::io::Errno::NXIO) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        // To the end of a block, where a hole may begin.
        let want = buffer.len() - at as usize % buffer.len();
        let read = read_full(file, buffer.get_mut(..want).unwrap_or_default(), at)?;
        if read.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if read.len() < want {
            return Ok(true);
        }
        at += want as u64;
    }
}

/// Share of the file system in use that holds `path`, 0 to 1, as `df` counts it.
pub(crate) fn disk_used(path: &Path) -> io::Result<f64> {
    let stat = rustix::fs::statvfs(path)?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree) as f64;
    let usable = used + stat.f_bavail as f64;
    Ok(if usable > 0.0 { used / usable } else { 1.0 })
}

/// Bytes of the file system that holds `path`, and those of them that are free.
pub(crate) fn disk_size(path: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(path)?;
    Ok((stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize))
}

/// Bytes of memory this process may use: the machine's, or its control group's limit.
pub(crate) fn memory_limit() -> u64 {
    let number = |text: String| text.trim().parse::<u64>().ok();
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok().and_then(number))
        .chain(total)
        .min()
        .unwrap_or(4 * 1024 * 1024 * 1024)
}

/// Changes with every boot of the machine: page caches do not outlive it.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |n, digit| n << 4 | digit);
    }
    id
}
