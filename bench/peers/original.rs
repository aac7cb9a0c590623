// original.rs - in Rust, the registry inside one process from which segreg grew: a HashMap under a RwLock. Each user of
// a segment has an Arc of it. The build makes a shared object with a C interface, if it finds rustc; original_rust.c
// loads the object.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

pub struct Segment {
    pub id: u64,
    pub path: PathBuf,
}

pub struct Registry {
    segments: RwLock<HashMap<u64, Arc<Segment>>>,
}

impl Registry {
    fn get(&self, id: u64) -> Option<Arc<Segment>> {
        self.segments.read().unwrap().get(&id).cloned()
    }
}

#[no_mangle]
pub unsafe extern "C" fn original_start(ids: *const u64, n: usize) -> *mut Registry {
    let segments = std::slice::from_raw_parts(ids, n)
        .iter()
        .map(|&id| (id, Arc::new(Segment { id, path: PathBuf::from(format!("segment-{id:032}")) })))
        .collect();
    Box::into_raw(Box::new(Registry { segments: RwLock::new(segments) }))
}

/// Returns the number of uses that found their id. CHASE: the next id depends on the segment of this use.
#[inline(always)]
unsafe fn run<const CHASE: bool>(registry: *const Registry, ids: *const u64, mask: usize, count: usize) -> usize {
    let mut found = 0;
    let mut step = 0;
    for i in 0..count {
        let id = *ids.add((i + step) & mask);
        if let Some(segment) = (*registry).get(id) {
            found += 1;
            if CHASE {
                step = (segment.id ^ id) as usize;
            }
        }
    }
    found
}

#[no_mangle]
pub unsafe extern "C" fn original_use(registry: *const Registry, ids: *const u64, mask: usize, count: usize) -> usize {
    run::<false>(registry, ids, mask, count)
}

#[no_mangle]
pub unsafe extern "C" fn original_chase(
    registry: *const Registry,
    ids: *const u64,
    mask: usize,
    count: usize,
) -> usize {
    run::<true>(registry, ids, mask, count)
}

#[no_mangle]
pub unsafe extern "C" fn original_stop(registry: *mut Registry) {
    drop(Box::from_raw(registry));
}
