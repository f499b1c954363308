"""Directories with any name, and projects that were moved, copied or lost files."""

import shutil
import signal

import pytest
from support.commands import Shell
from support.stores import store_of

from seedsweep.tracking.locations import local_path, sqlite_file, sqlite_uri
from seedsweep.tracking.run_queries import find_sweep

ONE = "hydra.launcher.workers=1"


def plans(sweep):
    """The plan lines of all starts so far."""
    return [line.removeprefix("plan: ") for line in sweep.output.splitlines() if line.startswith("plan: ")]


def trained(sweep):
    """The seeds of all trainings so far, in their order."""
    return [int(line[0]) for line in sweep.lines("begin")]


def interrupt(sweep, ended=1):
    """Start a sweep, and press Ctrl-C after some of its trials, in the middle of another."""
    sweep.environment["EPOCH_SECONDS"] = "0.2"
    with sweep.started() as parent:
        sweep.wait_for(lambda: len(sweep.lines("end")) == ended)
        sweep.wait_for_epochs(2)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(60) == 130, sweep.output


def check_files(directory):
    """Every trial's files are in the project, and MLflow finds them."""
    store = store_of(directory)
    for trial in find_sweep(store, None).trials:
        place = local_path(store.client.get_run(trial.run_id).info.artifact_uri)
        if "reused_from" not in trial.tags:
            assert place.is_relative_to(directory)
            assert {file.path for file in store.client.list_artifacts(trial.run_id)} >= {"predictions.npz"}
        assert (local_path(trial.artifacts) / "predictions.npz").is_file()


NAME = "#1 é it's=100% %41"


def test_a_directory_may_have_any_name(sweep, tmp_path):
    """A sweep, Ctrl-C, the same command again, a table, and nothing beside the project."""
    trying = sweep([1, 2, 3], ONE, where=NAME)
    trying.arguments.remove(next(text for text in trying.arguments if text.startswith("data.path=")))
    trying.arguments.append("data.path=small.npz")
    interrupt(trying)
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "1 cached, 1 to resume, 1 new"
    trying.check_whole()
    check_files(trying.directory)
    table = Shell(trying.directory).seedsweep("table", "--full")
    assert (table.code, "with new images" in table.out) == (0, True), table.err
    # MLflow itself makes a database's parent directory without decoding its URI, and leaves it empty.
    others = [path for path in tmp_path.iterdir() if path.name != NAME and any(path.iterdir())]
    assert others == []


@pytest.mark.full
def test_a_search_in_a_directory_of_any_name(sweep):
    """Its oracle keeps files there too."""
    search = ["hydra/sweeper=tuner", "hydra.sweeper.algorithm=random", "hydra.sweeper.max_trials=2"]
    values = ["hydra.sweeper.confirm=2", "opt.learning_rate=tag(log, interval(1e-3, 1e-1))"]
    trying = sweep([1], *search, *values, ONE, where=NAME, epochs=1, EPOCH_SECONDS=0)
    trying.arguments.remove(next(text for text in trying.arguments if text.startswith("data.path=")))
    trying.arguments.append("data.path=small.npz")
    assert trying.run() == 0, trying.output
    assert len(find_sweep(store_of(trying.directory), None).trials) == 4


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:///a%41%3F.db", "aA?.db"),
        ("sqlite:///my%20exp/m.db", "my exp/m.db"),
        ("sqlite:///my exp/m.db", "my exp/m.db"),
        ("sqlite:///m.db?timeout=60", "m.db"),
        ("sqlite:////m.db", "/m.db"),
    ],
)
def test_a_uri_is_read_as_sqlalchemy_reads_it(tmp_path, monkeypatch, uri, file):
    """A path goes there and back."""
    from sqlalchemy.engine import make_url

    monkeypatch.chdir(tmp_path)
    assert sqlite_file(uri) == tmp_path / file
    assert make_url(uri).database == file
    assert make_url(sqlite_uri(tmp_path / file)).database == str(tmp_path / file)


def test_a_database_s_name_may_have_a_question_mark(sweep):
    """Percent-encoded in the URI, as is everything that SQLAlchemy decodes; unencoded it is refused."""
    trying = sweep([1], ONE, "tracking.uri=sqlite:///a%41%3F.db", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    assert (trying.directory / "aA?.db").is_file()
    shell = Shell(trying.directory)
    assert "# data=npz" in shell.seedsweep("table", "--uri", "sqlite:///a%41%3F.db").out
    refused = shell.seedsweep("table", "--uri", "sqlite:///a?b.db")
    assert (refused.code, "fix: --uri sqlite:///a%3Fb.db" in refused.err) == (2, True), refused.err


@pytest.mark.parametrize("how", ["moved", pytest.param("copied", marks=pytest.mark.full)])
def test_a_moved_project_goes_on_where_it_is(sweep, tmp_path, how):
    """Files are found, checkpoints too, and nothing is written where the project was before."""
    trying = sweep([1, 2, 3], ONE, where="before")
    trying.arguments.remove(next(text for text in trying.arguments if text.startswith("data.path=")))
    trying.arguments.append("data.path=small.npz")
    interrupt(trying)
    before, after = tmp_path / "before", tmp_path / "after"
    if how == "moved":
        before.rename(after)
    else:
        shutil.copytree(before, after)
    known = {path: path.stat().st_mtime_ns for path in before.rglob("*")} if how == "copied" else None
    table = Shell(after).seedsweep("table")
    assert (table.code, "cannot be read" in table.err) == (0, False), table.err
    moved = sweep([1, 2, 3], ONE, where="after", LEDGER=after / "ledger")
    moved.arguments = trying.arguments
    assert moved.run() == 0, moved.output
    assert "this project was in " in moved.output
    assert plans(moved)[-1] == "1 cached, 1 to resume, 1 new"
    assert "after epoch" in moved.output
    moved.check_whole()
    check_files(after)
    assert "with new images" in Shell(after).seedsweep("table", "--full").out
    if how == "moved":
        assert not before.exists()
    else:
        assert {path: path.stat().st_mtime_ns for path in before.rglob("*")} == known
    # Once is enough.
    assert moved.run() == 0, moved.output
    assert moved.output.count("this project was in ") == 1


def test_a_database_that_was_copied_alone_writes_beside_itself(sweep, tmp_path):
    """The files of its earlier trials are where they were, and are found there."""
    trying = sweep([1, 2], ONE, where="before", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    before = {path for path in (tmp_path / "before").rglob("*") if "mlruns" in path.parts}
    (tmp_path / "after").mkdir()
    shutil.copyfile(tmp_path / "before" / "mlflow.db", tmp_path / "after" / "mlflow.db")
    more = sweep([1, 2, 3], ONE, where="after", EPOCH_SECONDS=0)
    assert more.run() == 0, more.output
    assert plans(more) == ["2 cached, 0 to resume, 1 new"]
    assert "with new images" in Shell(tmp_path / "after").seedsweep("table", "--full").out
    assert {path for path in (tmp_path / "before").rglob("*") if "mlruns" in path.parts} == before
    assert len(list((tmp_path / "after" / "mlruns").rglob("predictions.npz"))) == 1


def test_artifacts_that_somebody_keeps_elsewhere_stay_there(sweep, tmp_path):
    """A location of a user's own choice is no sign of a move."""
    trying = sweep([1], ONE, "tracking.experiment=mine", EPOCH_SECONDS=0)
    store = store_of(trying.directory)
    store.client.create_experiment("mine", artifact_location=str(tmp_path / "big disk" / "mine"))
    assert trying.run() == 0, trying.output
    assert len(list((tmp_path / "big disk").rglob("predictions.npz"))) == 1


def test_answers_that_are_gone_are_said_and_trained_again(sweep):
    """`mlruns/` was removed: where a table needs the answers they come again, where it does not it is said."""
    trying = sweep([1, 2], ONE, EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    shutil.rmtree(trying.directory / "mlruns")
    table = Shell(trying.directory).seedsweep("table")
    assert "The answers to single test images cannot be read of all trials" in table.out
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "0 cached, 0 to resume, 2 new"
    assert "not cached (2 trials): trained before, but their files are gone" in trying.output
    assert trained(trying) == [1, 2, 1, 2]
    check_files(trying.directory)
    # Those are what later sweeps take.
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "2 cached, 0 to resume, 0 new"
    shutil.rmtree(trying.directory / "mlruns")
    single = sweep([1], ONE, EPOCH_SECONDS=0)
    assert single.run() == 0, single.output
    assert plans(single)[-1] == "1 cached, 0 to resume, 0 new"
    assert "cached without files, which were deleted: 1; rerun=missing trains them again" in single.output
    single.arguments.append("rerun=missing")
    assert single.run() == 0, single.output
    assert plans(single)[-1] == "0 cached, 0 to resume, 1 new"
    assert trained(single) == [1, 2, 1, 2, 1]
    single.arguments.remove("-m")
    assert single.run() == 0, single.output
    assert trained(single) == [1, 2, 1, 2, 1]


def test_lost_answers_of_an_interrupted_sweep_come_again(sweep):
    """What it had finished counts only while its files are there."""
    trying = sweep([1, 2, 3], ONE)
    interrupt(trying)
    shutil.rmtree(trying.directory / "mlruns")
    assert trying.run() == 0, trying.output
    assert plans(trying)[-1] == "0 cached, 1 to resume, 2 new"
    assert sorted(trained(trying)) == [1, 1, 2, 2, 3]
    trying.check_whole()


def test_a_table_says_which_trials_were_deleted(sweep):
    """By name, also where a whole row is gone; and not that they were not started."""
    trying = sweep([1, 2], ONE, "opt.learning_rate=0.01,0.02", EPOCH_SECONDS=0)
    assert trying.run() == 0, trying.output
    store = store_of(trying.directory)
    trials = find_sweep(store, None).trials
    lost = [trial for trial in trials if trial.settings["opt.learning_rate"] == "0.02"]
    for trial in lost:
        store.client.delete_run(trial.run_id)
    out = Shell(trying.directory).seedsweep("table").out
    said = "2 of 4 trials are not in this table: their runs were deleted in MLflow (learning_rate=0.02 · seed 1;"
    assert said in out
    assert "not started" not in out
    for trial in lost:  # as `mlflow gc` does
        store.client.restore_run(trial.run_id)
    assert "deleted" not in Shell(trying.directory).seedsweep("table").out


def test_a_disk_that_is_away_for_a_while_changes_no_path(sweep, tmp_path):
    """Of another experiment in the same database; its files are found when the disk is back."""
    trying = sweep([1], ONE, EPOCH_SECONDS=0)
    store = store_of(trying.directory)
    disk = tmp_path / "disk" / "mlruns" / "2"
    number = store.client.create_experiment("theirs", artifact_location=disk.as_uri())
    assert number == "2"
    run = store.client.create_run(number)
    store.client.log_text(run.info.run_id, "hello", "note.txt")
    (tmp_path / "disk").rename(tmp_path / "away")
    assert trying.run() == 0, trying.output
    (tmp_path / "away").rename(tmp_path / "disk")
    assert [file.path for file in store_of(trying.directory).client.list_artifacts(run.info.run_id)] == ["note.txt"]


@pytest.mark.full
def test_what_is_trained_again_is_kept_until_it_has_finished(sweep):
    """Its metrics, although its files are gone: training it again may fail."""
    trying = sweep([1, 2, 3], ONE)
    interrupt(trying, ended=2)
    shutil.rmtree(trying.directory / "mlruns")
    trying.environment["FAULTS"] = '{"1": ["raise", 9]}'
    assert trying.run() == 1, trying.output
    trials = {trial.settings["seed"]: trial for trial in find_sweep(store_of(trying.directory), None).trials}
    assert [trials[seed].status for seed in "123"] == ["finished"] * 3
    assert "1 of 3 trials failed" in trying.output


def test_another_path_to_the_same_images_is_no_other_trial(sweep):
    """A sweep that is resumed with it keeps its own runs, and their files."""
    trying = sweep([1, 2], ONE)
    interrupt(trying)
    shutil.copyfile(trying.directory / "small.npz", trying.directory / "other.npz")
    (before,) = [run.info.run_id for run in trying.runs()[1] if run.info.status == "FINISHED"]
    trying.arguments.append("data.path=other.npz")
    assert trying.run() == 0, trying.output
    assert before in {trial.run_id for trial in find_sweep(store_of(trying.directory), None).trials}
    check_files(trying.directory)
