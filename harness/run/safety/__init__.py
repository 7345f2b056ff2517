"""What keeps a run from doing more harm than it was asked to.

`watch` ends a run whose stop conditions trip, `radius` says what its faults may touch, `reach`
refuses addresses that are not ours, `preview` tells all of it before anything is done.
"""
