"""The table of packet loss: medians, ranges and a ratio, and that it can say no."""

from benchmarks.packet_loss import Loss, render, slower_everywhere


def loss(service: str, answering_s: float, fault_s: float = 8.0) -> Loss:
    """A run of which only the recovery matters."""
    return Loss(service, fault_s, 1000, 400, 20, answering_s)


PAIR = [loss("tuned", 0.1), loss("tuned", 0.3), loss("naive", 5.0), loss("naive", 6.0)]


def test_the_table_has_a_row_for_each_service() -> None:
    """Median and range of the first answer, and how many times longer the naive one takes."""
    tuned, naive = render(PAIR).splitlines()[2:]

    assert "+0.20 s (0.10 to 0.30)" in tuned
    assert "+5.50 s (5.00 to 6.00)" in naive
    assert "28 times" in naive
    assert "8.0 s" in naive


def test_one_slow_tuned_run_is_told() -> None:
    """The claim holds in every pair or not at all, whatever the medians."""
    assert slower_everywhere(PAIR)
    assert not slower_everywhere([*PAIR, loss("tuned", 4.0)])
    assert not slower_everywhere([*PAIR, loss("tuned", 0.1, 15.0), loss("naive", 1.0, 15.0)])
