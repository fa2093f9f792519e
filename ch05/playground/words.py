"""The sentence at the top of the page: what can be done now, or what is to be seen."""

import numpy as np


def hint(drawn, learnt, t, unit, path, dead):
    """dead: (name of a layer, how many of its units the training has silenced, of how many)."""
    if dead:
        name, count, M = dead
        return (
            f"{count} of {M} units of {name} return 0 for the first 1,000 test digits. Nothing "
            "comes back through a unit that returns 0: it learns no more. Start again brings "
            "the first weights back."
        )
    if not drawn:
        return "1  Draw a digit in the square."
    if not learnt:
        return "2  Press train. It learns from 60,000 digits, and reads yours meanwhile."
    if unit is not None:
        return why(unit)
    if t is None:
        return "3  Click the bar of the right digit. Orange shows what comes back from the loss."
    if path is not None:
        return "Why does it read that? Press why?, or point at a cell: follow one unit."
    return "Now change something: the digit, the right digit, the learning rate. What happens?"


def why(unit):
    """One unit, from the ink to the answer and back."""
    ink, against = (np.clip(unit.terms, *ends).sum() for ends in ((0, None), (None, 0)))
    words = [f"Unit {unit.j}: ink where W1 is green adds {ink:.3g}, where it is purple "
             f"{against:.3g}; with b it is {unit.out:.3g}."]  # fmt: skip
    name, last = [("", unit.out), *unit.passed.items()][-1]
    if name and last == 0:
        words += [f"{name} returns 0: nothing goes on, and what comes back stops there."]
    elif unit.to is not None and len(unit.to) == 10:
        most, least = int(unit.to.argmax()), int(unit.to.argmin())
        words += [f"It speaks for {most} ({unit.to[most]:+.3g}) and against {least} "
                  f"({unit.to[least]:+.3g})."]  # fmt: skip
    if unit.dout:
        change = "weaker" if unit.dout > 0 else "stronger"
        words += [f"dout is {unit.dout:+.1g}: an update makes it {change} for this ink."]
    return " ".join(words)


def after_update(before, after, unit, unit_after):
    """What one update on the drawn digit has changed."""
    t = before.t
    words = (f"One update on your digit: L {before.L:.3g} → {after.L:.3g}, "
             f"y[{t}] {before.y[t]:.2f} → {after.y[t]:.2f}.")  # fmt: skip
    if unit is not None:
        words += (f" Unit {unit.j}: W1 moved by −rate · dW1, and out went from {unit.out:.2f} "
                  f"to {unit_after.out:.2f}.")  # fmt: skip
    return words


def in_words(error):
    return str(error) or type(error).__name__
