//! Freeing what takes long where it holds nobody up.

use std::collections::BTreeMap;

use lastsave_keyspace::Garbage;

use crate::engine::Engine;
use crate::{Job, JobId, Output};

/// What is being freed.
#[derive(Clone, Debug, Default)]
pub(crate) struct LazyFree {
    /// How many values each job frees.
    jobs: BTreeMap<JobId, u64>,
    /// Values freed since the start, or since CONFIG RESETSTAT.
    pub(crate) freed: u64,
}

impl LazyFree {
    /// Values that wait to be freed.
    pub(crate) fn pending(&self) -> u64 {
        self.jobs.values().sum()
    }
}

impl Engine {
    /// Has the driver free these.
    pub(crate) fn free(&mut self, garbage: Vec<Garbage>) {
        if garbage.is_empty() {
            return;
        }
        let objects = garbage.iter().map(Garbage::objects).sum();
        let job = self.next_job();
        self.lazyfree.jobs.insert(job, objects);
        self.outputs
            .push_back(Output::StartJob(job, Job::Free(garbage)));
    }

    /// Takes up that a job has freed something. Returns whether it was such a job.
    pub(crate) fn freed(&mut self, job: JobId) -> bool {
        match self.lazyfree.jobs.remove(&job) {
            Some(objects) => {
                self.lazyfree.freed += objects;
                true
            }
            None => false,
        }
    }
}
