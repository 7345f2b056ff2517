"""What the numbers of a run can be, as types: whatever reads them refuses the rest.

Wide enough for every run that there can be, narrow enough to be counted with.
"""

from typing import Annotated

from pydantic import Field

NS_MAX = 2**62
"""In nanoseconds 146 years: of a machine's clock, which begins when it starts, and since 1970."""
SPAN_SECONDS_MAX = 31 * 24 * 3600.0
"""How far from its zero anything of a run can be, its faults healed late included."""

Nanoseconds = Annotated[int, Field(ge=-NS_MAX, le=NS_MAX)]
"""An instant, monotonic or Unix time."""
Seconds = Annotated[float, Field(ge=-SPAN_SECONDS_MAX, le=SPAN_SECONDS_MAX, allow_inf_nan=False)]
"""A time of a run, or a length."""
Length = Annotated[float, Field(ge=0, le=SPAN_SECONDS_MAX, allow_inf_nan=False)]
"""Of time, in seconds."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
PerSecond = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Figure = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False)]
"""What something came to, in a unit of its own."""
Fen = Annotated[int, Field(ge=-(10**18), le=10**18)]
"""Money, whatever a target makes of it."""
Count = Annotated[int, Field(ge=0, le=2**53)]
"""Of things, or the place of one among them; a float holds it exactly."""
Whole = Annotated[int, Field(ge=-(2**62), le=2**62)]
"""Of a target: it may say anything."""
