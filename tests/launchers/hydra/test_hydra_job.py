"""A job that is run here sees and leaves what it would with Hydra's own `run_job`."""

import gc
import os
import pickle
import shutil
import threading
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus
from hydra.core.utils import run_job as hydras
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf, base
from test_composing import alike

from seedsweep.launchers.hydra.hydra_job import run_job
from seedsweep.launchers.hydra.job_result import JobResult

CONFIG = r"""
n: 1
when: ${now:%f}
new: ${fresh:}
place: ${hydra:runtime.output_dir}
deep: {list: [1, "${n}"], none: null, other: o, 7: seven, true: yes}
group: ${deep}
absent: ???
text: 'a ${deep.${which}} and ${oc.env:NOT_SET,"x}, ${n}"} but \${n}'
which: none
empty: {dict: {}, list: []}
hydra:
  sweep: {dir: "jobs/${now:%f}", subdir: "${n}-${hydra.job.num}"}
  job: {env_set: {SEEN_BY_JOB: "${hydra:job.name} in ${hydra.runtime.output_dir}"}}
  job_logging: {version: 1}
"""

seen = []


answers = []


@pytest.fixture(autouse=True)
def fresh():
    """A resolver whose first answer is kept, as that of `now` is."""
    OmegaConf.register_new_resolver("fresh", lambda: answers.append(0) or len(answers), use_cache=True)
    yield
    OmegaConf.clear_resolver("fresh")


def task(config):
    """Notes all that a job can see of its surroundings."""
    hydra = HydraConfig.get()
    seen.append(
        {
            "config": OmegaConf.to_container(config, resolve=True),
            "directory": Path.cwd(),
            "output": hydra.runtime.output_dir,
            "subdir": hydra.sweep.subdir,
            "readonly": OmegaConf.is_readonly(hydra),
            "struct": OmegaConf.is_struct(config),
            "variable": os.environ.get("SEEN_BY_JOB"),
            "collects": gc.isenabled(),
            "parses": base.parse,
        }
    )
    if config.n == 3:
        raise ValueError("on purpose")
    if config.n == 4:
        config.deep.list[0] = "changed by the task"
    if config.n == 5:
        config.n = 5.0
    return config.n


def walk_files(directory):
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["n=2", "hydra.job.chdir=true"],
        ["n=3"],
        ["hydra.output_subdir=null"],
        ["hydra.output_subdir=kept", "deep.none=7"],
        ["n=4", "which=other", "group=null", "absent=''"],
        ["n=5", "hydra.sweep.dir=there/../jobs", "hydra.job.env_set={}"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("hydra_restore_singletons")
def test_is_what_hydra_does(tmp_path, monkeypatch, overrides):
    """The same surroundings, the same files, the same answer."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    came = []
    with initialize_config_dir(str(tmp_path), version_base="1.3", job_name="app"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
        _ = master.hydra.sweep.dir, master.when  # answered once, for all jobs
        job = loader.load_sweep_config(master, overrides)
        job.hydra.job.num, job.hydra.job.id = 5, "app_5"
        context = HydraContext(config_loader=loader, callbacks=Callbacks(master))
        pickled = pickle.dumps(job)
        keys = {"job_dir_key": "hydra.sweep.dir", "job_subdir_key": "hydra.sweep.subdir"}
        monkeypatch.chdir(tmp_path)
        before = HydraConfig.instance().cfg
        seen.clear()
        left = []
        for run in (
            lambda: hydras(task, pickle.loads(pickled), hydra_context=context, **keys),
            lambda: JobResult(
                run_job(task, lambda: pickle.loads(pickled), context),
                list(job.hydra.overrides.task),
                lambda: pickle.loads(pickled),
            ),
        ):
            answers.clear()
            came.append(run())
            left.append(walk_files(tmp_path / "jobs"))
            shutil.rmtree(tmp_path / "jobs")
            assert HydraConfig.instance().cfg is before
            assert Path.cwd() == tmp_path

    ours, expected = came[1], came[0]
    assert left[0]
    assert len(seen) == 2
    assert seen[1] == seen[0]
    assert left[1] == left[0]
    for name in ("overrides", "working_dir", "task_name", "status"):
        assert getattr(ours, name) == getattr(expected, name), name
    assert repr(ours._return_value) == repr(expected._return_value)
    assert alike(ours.cfg, expected.cfg)
    assert [result.cfg.new for result in came] == [1, 1]
    assert OmegaConf.to_container(ours.hydra_cfg) == OmegaConf.to_container(expected.hydra_cfg)
    assert OmegaConf.is_readonly(ours.hydra_cfg.hydra)


class Meddling(Callback):
    """A callback of a user's that keeps what a job came to, and changes it."""

    def on_job_end(self, config, job_return, **_):
        Path("kept.pickle").write_bytes(pickle.dumps(job_return))
        job_return.return_value *= config.n * job_return.cfg.n
        job_return.cfg.n = 30


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """A function that composes a job, and returns it with what Hydra hands to whoever runs one."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(tmp_path), version_base="1.3", job_name="app"):
        loader = GlobalHydra.instance().config_loader()

        def compose(*overrides, job=()):
            master = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
            job = loader.load_sweep_config(master, list(job))
            job.hydra.job.num, job.hydra.job.id = 0, "app_0"
            return job, HydraContext(config_loader=loader, callbacks=Callbacks(master))

        yield compose


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_what_a_callback_makes_of_a_result_counts(composed):
    """It sees the job's result with its configs, may keep it, as one of Hydra's own does, and may change it."""
    job, context = composed(f"+hydra.callbacks.x._target_={__name__}.{Meddling.__name__}", job=["n=2"])
    told = run_job(task, lambda: pickle.loads(pickle.dumps(job)), context)

    assert told.answer == 2 * 2 * 2
    assert pickle.loads(told.changed).n == 30
    kept = pickle.loads(Path("kept.pickle").read_bytes())
    assert (kept.return_value, kept.cfg.n, list(kept.hydra_cfg)) == (2, 2, ["hydra"])


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_what_cannot_be_sent_does_not_fail_a_job(composed):
    """A task may keep in its config what no other process can read."""
    job, context = composed()

    def keeping(config):
        OmegaConf.set_struct(config, value=False)
        config._set_flag("allow_objects", True)
        config.lock = threading.Lock()
        return 7

    told = run_job(keeping, lambda: pickle.loads(pickle.dumps(job)), context)

    assert (told.status, told.answer, told.changed) == (JobStatus.COMPLETED, 7, None)
