"""A trial: everything that is chosen before a network is trained, checked once and then frozen.

Not here: where results go (`seedsweep.tracking`) and where trials run (`seedsweep.launchers`); neither
changes a result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators
from seedsweep.config.early_stopping import EarlyStoppingConfig
from seedsweep.config.functions import FUNCTION_GROUPS, TARGET, ModelFunction, OptimizerFunction
from seedsweep.config.model_config import ModelConfig
from seedsweep.config.optimizer_config import Optimizer
from seedsweep.config.overrides import override
from seedsweep.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PENALTIES = ("none", "l1", "l2")
DATASETS = ("mnist5k", "mnist", "npz")
SCALES = ("unit", "raw")
VALIDATIONS = ("holdout", "test")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# NumPy and Keras take 32 bits.
MAX_SEED = 2**32 - 1
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Regularizer:
    """The penalty on every kernel, of convolutions and dense layers alike.

    Attributes:
        name: "none", "l1" (strength × Σ|w|) or "l2" (strength × Σw²), added to the loss.
        strength: > 0; None without a penalty.
    """

    name: str
    strength: float | None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """Check the group `reg` of a composed config."""
        validators.known_keys("reg", config, cls.__dataclass_fields__)
        name = validators.choice("reg.name", config["name"], PENALTIES)
        return cls(
            name,
            validators.only_for(
                "reg.strength",
                name,
                ("l2", "l1"),
                config["strength"],
                lambda k, v: validators.positive(k, v, example="0.0001"),
            ),
        )


@dataclass(frozen=True)
class Augment:
    """How far training images are moved at random, anew each time; nothing is measured on such images.

    Attributes:
        shift: pixels, at most, in either direction, ≥ 0.
        rotate: degrees, at most, in either direction, in [0, 180].
        zoom: fraction by which they grow or shrink, at most, in [0, 1).
    """

    shift: float
    rotate: float
    zoom: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Augment:
        """Check the group `data.augment` of a composed config."""
        if not hasattr(config, "items"):
            validators.raise_invalid("data.augment", "a group of settings", config, "data.augment.shift=2")
        validators.known_keys("data.augment", config, cls.__dataclass_fields__)
        return cls(
            shift=validators.at_least_zero("data.augment.shift", config["shift"], example="2"),
            rotate=validators.number(
                "data.augment.rotate",
                config["rotate"],
                "degrees from 0 to 180",
                accept=lambda degrees: 0 <= degrees <= 180,
                example="10",
            ),
            zoom=validators.fraction("data.augment.zoom", config["zoom"], example="0.1"),
        )

    def check_fits(self, height: int, width: int) -> None:
        """Check that images of this size stay in sight.

        Raises:
            UserError: they can be moved by more than their size.
        """
        if self.shift > min(height, width):
            raise UserError(
                f"data.augment.shift={self.shift:g} moves images of {height} × {width} pixels out of sight",
                where="data.augment.shift",
                fix="data.augment.shift=2",
            )


@dataclass(frozen=True)
class Data:
    """Which images, and how they are split and scaled.

    Attributes:
        name: one of `DATASETS`.
        path: the file, for "npz"; for "mnist" optional, None looks in the usual places.
        scale: what pixels are divided by: "unit", by the largest of the training images, unless they are fractions of
            1 already; "raw", by nothing; or a number > 0.
        validation: "holdout", a fixed tenth of the training images; "test", the test images themselves.
        augment: how training images are moved.
    """

    name: str
    path: str | None
    scale: str | float
    validation: str
    augment: Augment

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Data:
        """Check the group `data` of a composed config."""
        validators.known_keys("data", config, cls.__dataclass_fields__)
        name = validators.choice("data.name", config["name"], DATASETS)
        path = None if config["path"] is None else validators.text("data.path", config["path"])
        if name == "npz" and path is None:
            raise UserError("data=npz needs a file", where="data.path", fix="data=npz data.path=FILE.npz")
        if name == "mnist5k" and path is not None:
            raise UserError(
                f"data=mnist5k is built in and reads no file, got '{path}'",
                where="data.path",
                fix=f"data=npz {override('data.path', path)}",
            )
        return cls(
            name=name,
            path=path,
            scale=_scale(config["scale"]),
            validation=validators.choice("data.validation", config["validation"], VALIDATIONS),
            augment=Augment.from_config(config["augment"]),
        )


def _scale(value: object) -> str | float:
    if isinstance(value, str):
        return validators.choice("data.scale", value, SCALES)
    return validators.number("data.scale", value, "unit, raw or a number > 0", accept=lambda v: v > 0, example="unit")


@dataclass(frozen=True)
class Trial:
    """One network to be trained once with one seed.

    Attributes:
        seed: ≥ 1; decides initial weights, data order and dropout, and nothing else does.
        epochs: passes over the training images, ≥ 1.
        batch_size: images a step, ≥ 1.
        precision: Keras' dtype policy.
        from_logits: whether the cross-entropy is computed from the logits, as Keras does today; False
            takes the probabilities, clipped to [10⁻⁷, 1 - 10⁻⁷], whose gradient is 0 where they are clipped.
        label_smoothing: part of each label that is spread over all classes, in [0, 1).
        backend: the library that Keras computes with.
        threads: CPU threads of this trial, ≥ 1; they are part of what fixes its result.
    """

    model: ModelConfig | ModelFunction
    opt: Optimizer | OptimizerFunction
    reg: Regularizer
    data: Data
    stop: EarlyStoppingConfig
    seed: int
    epochs: int
    batch_size: int
    precision: str
    from_logits: bool
    label_smoothing: float
    backend: str
    threads: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Trial:
        """Check a composed and resolved config.

        Args:
            config: plain nested mapping with this class' fields as keys.

        Raises:
            UserError: a setting is unknown, missing, of the wrong type or out of its range.
        """
        validators.known_keys("", config, cls.__dataclass_fields__)
        for group in ("model", "opt", "reg", "data", "stop"):
            if not hasattr(config[group], "items"):
                validators.raise_invalid(group, "a group of settings", config[group], f"one of its choices: {group}=…")
        opt, epochs = _optimizer(config["opt"]), validators.integer("epochs", config["epochs"], example=12)
        if opt.warmup >= epochs:
            validators.raise_invalid("opt.warmup", f"less than the {epochs} epochs", opt.warmup, "opt.warmup=0")
        data, stop = Data.from_config(config["data"]), EarlyStoppingConfig.from_config(config["stop"])
        if stop.keeps_best and data.validation == "test":
            raise UserError(
                "stop=patience with data.validation=test would keep the epoch that the test images happen to favour",
                where="data.validation",
                fix="data.validation=holdout",
            )
        model = _model(config["model"])
        if isinstance(model, ModelFunction) and config["from_logits"] is False:
            raise UserError(
                f"from_logits is for the built-in models; what {model.target} gives is found out",
                where="from_logits",
                fix="from_logits=true",
            )
        return cls(
            model=model,
            opt=opt,
            reg=Regularizer.from_config(config["reg"]),
            data=data,
            stop=stop,
            # 0 is refused because libraries take it for "draw one": KerasTuner does `seed or randint`.
            seed=validators.integer("seed", config["seed"], at_most=MAX_SEED),
            epochs=epochs,
            batch_size=validators.integer("batch_size", config["batch_size"], example=128),
            precision=validators.choice("precision", config["precision"], PRECISIONS),
            from_logits=validators.boolean("from_logits", config["from_logits"]),
            label_smoothing=validators.fraction("label_smoothing", config["label_smoothing"], example="0.1"),
            backend=validators.choice("backend", config["backend"], BACKENDS),
            threads=validators.integer("threads", config["threads"]),
        )

    def settings(self) -> dict[str, Any]:
        """Return every leaf by its dotted path; lists stay lists."""
        return dict(_leaves("", asdict(self) | {"model": self.model.settings(), "opt": self.opt.settings()}))


def _model(config: Mapping[str, Any]) -> ModelConfig | ModelFunction:
    return ModelFunction.from_config(config) if TARGET in config else ModelConfig.from_config(config)


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else key, inner)
    else:
        yield prefix, list(value) if isinstance(value, tuple) else value


def _optimizer(config: Mapping[str, Any]) -> Optimizer | OptimizerFunction:
    return OptimizerFunction.from_config(config) if TARGET in config else Optimizer.from_config(config)


def setting_names() -> list[str]:
    """Return the dotted path of every setting that a trial has; those of a function's own arguments are unknown."""
    return list(_names("", Trial))


def is_setting(name: str) -> bool:
    """Tell whether a dotted path is, or may be, a setting of a trial: a function may have any argument."""
    return name.partition(".")[0] in FUNCTION_GROUPS or name in _known_names()


@cache
def _known_names() -> frozenset[str]:
    return frozenset(setting_names())


def _names(prefix: str, kind: Any) -> Iterator[str]:
    groups: dict[str, Any] = {"model": ModelConfig, "opt": Optimizer, "reg": Regularizer, "data": Data}
    groups |= {"augment": Augment, "stop": EarlyStoppingConfig}
    for field in kind.__dataclass_fields__:
        name = f"{prefix}.{field}" if prefix else field
        if field in groups:
            yield from _names(name, groups[field])
        else:
            yield name
