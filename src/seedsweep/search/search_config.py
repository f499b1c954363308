"""What a user wants of a search, checked. Not here: the space, see `search_space`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedsweep.config import validators
from seedsweep.errors import UserError
from seedsweep.search.searcher import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDERS = ("reproducible", "fastest")
_TRIALS = 30
# Hyperband's; the others have none.
_FACTOR = 3
_WHERE = "hydra.sweeper"


@dataclass(frozen=True)
class SearchConfig:
    """The settings of a search, as `hydra.sweeper` has them.

    Attributes:
        algorithm: "random", "bayesian" or "hyperband".
        max_trials: how many trials there may be; None: Hyperband's brackets decide.
        seed: of the search, ≥ 0.
        order: "reproducible", by which a suggestion follows from the seed and the number of slots alone, or
            "fastest", by which a free slot gets one at once, from all that is known by then.
        factor: of Hyperband, one in how many trials is promoted, and how many times longer.
        confirm: with how many fresh seeds the winner is trained again; 0: with none.
    """

    algorithm: str
    max_trials: int | None
    seed: int
    order: str
    factor: int
    confirm: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SearchConfig:
        """Check the settings of the sweeper.

        Raises:
            UserError: one of them is out of its range.
        """
        algorithm = validators.choice(f"{_WHERE}.algorithm", config["algorithm"], ALGORITHMS)
        most = config["max_trials"]
        if most is None and algorithm != "hyperband":
            most = _TRIALS
        if algorithm != "hyperband" and config["factor"] != _FACTOR:
            raise UserError(
                f"{algorithm} has no factor, got {config['factor']}",
                where=f"{_WHERE}.factor",
                fix=f"{_WHERE}.algorithm=hyperband {_WHERE}.factor={config['factor']}",
            )
        return cls(
            algorithm=algorithm,
            max_trials=None if most is None else validators.integer(f"{_WHERE}.max_trials", most, example=_TRIALS),
            seed=validators.integer(f"{_WHERE}.seed", config["seed"], at_least=0),
            order=validators.choice(f"{_WHERE}.order", config["order"], ORDERS),
            factor=validators.integer(f"{_WHERE}.factor", config["factor"], at_least=2, example=_FACTOR),
            confirm=validators.integer(f"{_WHERE}.confirm", config["confirm"], at_least=0, example=5),
        )
