"""User-written methods: a function on arrays, named in plans like any other method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import create_model

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.methods.cart import Cart
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    Method,
    MethodSpecification,
    OneLeaf,
    StepData,
)
from gpusynth.methods.registry import add_method
from gpusynth.methods.user_arrays import PlainColumn
from gpusynth.table import read_table

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["UserMethod", "UserModel", "register_method"]

_ARGUMENTS = ("target", "predictors", "synthetic", "uniforms")


def register_method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a method that plans can name.

    The function is called once for each replicate, on all synthetic rows:

    ``function(target, predictors, synthetic, uniforms)``

    - ``target``: answers of the real rows that take part, shape (n_real,);
    - ``predictors``: column -> answers of the same rows;
    - ``synthetic``: column -> answers of all synthetic rows, shape (n,);
    - ``uniforms``: array of float64, shape (n, 2): two uniform numbers in [0, 1) a row, the only
      randomness that keeps a run reproducible.

    It returns the answers of all synthetic rows, shape (n,). Numbers are float64, nan where missing
    (decimals as written, dates in days); levels are text, None where null. A number's missing codes
    and spikes are drawn before by `Cart`, so that `target` has ordinary numbers only and the
    function returns such.

    Parameters that may be asked for by keyword only are parameters of the method, with their
    annotation as type and their default.

    Parameters
    ----------
    name : str
        How plans name it. A name can be registered again, but not one of gpusynth's own.

    Returns
    -------
    callable
        The decorator; it returns the function unchanged.

    Raises
    ------
    PlanError
        If the name is gpusynth's own, or the function has not the four arguments.

    Examples
    --------
    >>> @register_method("shuffled")
    ... def shuffled(target, predictors, synthetic, uniforms):
    ...     return target[(uniforms[:, 0] * len(target)).astype(int)]
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = _parameters_of(name, function)
        specification = create_model(f"User_{name}", __base__=UserMethod, **parameters)
        specification.name = name
        specification.function = staticmethod(function)
        specification.__doc__ = inspect.getdoc(function) or f"User-written method {name}."
        add_method(specification)
        return function

    return register


def _parameters_of(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the method's parameters: (type, default) of the keyword-only ones."""
    signature = inspect.signature(function, eval_str=True)
    by_place = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(by_place) != len(_ARGUMENTS):
        raise PlanError(
            f"method {name!r}: the function must take {', '.join(_ARGUMENTS)} by place and its own "
            f"parameters by keyword only (after *); it takes {len(by_place)} by place"
        )
    parameters = {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            kind = Any if parameter.annotation is parameter.empty else parameter.annotation
            default = ... if parameter.default is parameter.empty else parameter.default
            parameters[parameter.name] = (kind, default)
    return parameters


class UserMethod(MethodSpecification):
    """Base of registered methods; its subclasses hold the function's parameters."""

    name: ClassVar[str] = "user"
    makes_values: ClassVar[bool] = True
    reads_columns: ClassVar[bool] = True
    whole_file: ClassVar[bool] = True
    function: ClassVar[Callable[..., Any]]

    def for_states(self) -> Method:
        """Return `Cart`: the function sees ordinary numbers only."""
        return Cart()

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Gather the real answers.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not used.

        Returns
        -------
        UserModel

        Raises
        ------
        DataError
            If no row takes part.
        """
        table, target = data.table, data.target
        rows: Any = slice(None) if data.rows is None else data.rows
        if not data.n_part:
            raise DataError(f"column {target.name!r} has no rows to learn from")

        read = read_table(table, rows)

        def plain(name: str) -> Array:
            return PlainColumn.of(table.codecs[name]).plain(*read(name))

        return UserModel(
            method=self,
            column=target.name,
            target=plain(target.name),
            predictors={name: plain(name) for name in data.columns},
            columns={name: PlainColumn.of(table.codecs[name]) for name in data.columns},
            result=PlainColumn.of(table.codecs[target.name]),
        )


@dataclass(frozen=True, slots=True)
class UserModel(OneLeaf):
    """The real answers that the function is called with."""

    method: UserMethod
    column: str
    target: Array
    predictors: Mapping[str, Array]
    columns: Mapping[str, PlainColumn]
    result: PlainColumn

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Call the function on all rows of the block; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)

        Raises
        ------
        DataError
            If the function fails, returns another number of rows, or an answer that the column
            cannot have.
        """
        from gpusynth.streams import uniform

        place = f"column {self.column!r}: method {self.method.name}"
        synthetic = {name: column.plain(*drawn.read(name)) for name, column in self.columns.items()}
        shares = uniform(key, block.first_counter, block.n_rows)
        parameters = self.method.model_dump()
        try:
            answers = np.asarray(
                type(self.method).function(
                    self.target.copy(),
                    {name: answers.copy() for name, answers in self.predictors.items()},
                    synthetic,
                    shares,
                    **parameters,
                )
            )
        except Exception as error:
            # Not chained to the message: it may hold answers. The traceback says where.
            raise DataError(f"{place} failed with {type(error).__name__}") from error
        if answers.shape != (block.n_rows,):
            raise DataError(
                f"{place} returned an array of shape {answers.shape}, but there are "
                f"{block.n_rows} rows: return one answer a row"
            )
        codes, values = self.result.coded(answers, place)
        return block.take(codes), None if values is None else block.take(values)
