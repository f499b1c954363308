"""What the loop of a launch does with workers that cannot be started; workers that run are tried with the launchers."""

import threading
from concurrent.futures import Future

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from seedsweep.errors import UserError
from seedsweep.launchers.hydra.job import JobResult
from seedsweep.launchers.jobs import Job
from seedsweep.launchers.progress import ProgressDisplay
from seedsweep.launchers.scheduler import run_jobs
from seedsweep.launchers.task_spec import JobSpec

CONFIG = OmegaConf.create({"hydra": {"overrides": {"task": []}}})


class Good:
    """A worker whose jobs take as long as others take to fail."""

    name = "good"

    def __init__(self, until):
        self._until = until

    def starting(self):
        return None

    def run(self, _job):
        future = Future()

        def work():
            for bad in self._until:
                bad.gave_up.wait(10)
            future.set_result(JobResult(JobReturn(status=JobStatus.COMPLETED)))

        threading.Thread(target=work).start()
        return future

    def is_lost(self):
        return False

    def result(self, future):
        return future.result()


class Bad:
    """A worker on a machine where no process starts."""

    name = "bad"

    def __init__(self):
        self.gave_up = threading.Event()
        self._starts = 0

    def starting(self):
        if self._starts == 0:
            self._starts += 1
            future = Future()
            threading.Timer(0.1, future.set_result, [None]).start()
            return future
        self.gave_up.set()
        raise UserError("no worker starts there", where="hydra/launcher=ray", fix="free space")


class Source:
    def __init__(self, total):
        self.total, self.came = total, []
        self._left = list(range(total))

    def next(self):
        return [f"n={self._left.pop()}"] if self._left else None

    def ended(self, position, _result):
        self.came.append(position)


class JobComposer:
    def __init__(self):
        self._position = -1

    def job(self, overrides):
        self._position += 1
        return Job(self._position, self._position, overrides[0], CONFIG, JobSpec())


def run(workers, total):
    source = Source(total)
    return run_jobs(source, JobComposer(), workers, ProgressDisplay(total), 0), source


def test_a_worker_that_does_not_start_leaves_its_jobs_to_the_others(capsys):
    """One machine of a cluster has a full disk, and the first job of another one runs meanwhile."""
    bad = Bad()
    results, source = run([Good(until=[bad]), bad], total=3)
    assert [result.status for result in results] == [JobStatus.COMPLETED] * 3
    assert source.came == [0, 1, 2]
    assert capsys.readouterr().out.count("bad is left out: no worker starts there") == 1


def test_the_same_trouble_is_said_once(capsys):
    bad = [Bad(), Bad(), Bad()]
    results, _ = run([Good(until=bad), *bad], total=3)
    assert len(results) == 3
    assert capsys.readouterr().out.count("left out") == 1


def test_no_worker_at_all_ends_the_launch():
    with pytest.raises(UserError, match="no worker starts there"):
        run([Bad(), Bad()], total=3)
