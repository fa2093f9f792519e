"""A digit of your own: from a photo to a row of x, by the steps that made MNIST's digits."""

import numpy as np

__all__ = ["from_photo", "centred"]


SIDE = 500  # pixels of the longer side in which a digit is looked for: enough to see its strokes
ROOM = "if there is a digit, leave paper around it, a fifth of its height, but no desk or other ink"


def from_photo(picture):
    """x of shape (1, 784), float32 from 0 to 1, from a picture of one digit.

    picture : a PIL image, what plt.imread returns, or any array: (H, W) in grey, (H, W, 3) in
              colour, (H, W, 2 or 4) with opacity, from 0 to 1, to 255 or to 65535. Ink may be
              darker or brighter than the paper, light and shadow may lie on it, and paper must be
              around it. Bright ink on a transparent ground is read, too.

    A phone may store a photo turned, with a word on how to turn it back. It is turned back for a
    PIL image; plt.imread drops that word, so for a photo pass PIL.Image.open(path).

    Paper is what remains when all that is narrower than a third of the picture is filled up; ink
    is what is darker than this paper, and a piece of ink has paper on both of its sides. Pieces
    near each other are the digit; then centred(ink). A ValueError says why a picture isn't read:
    ink at the rim, lines, more than one digit, a frame, nothing. Digits that touch count as one.
    """
    grey = _dark_on_bright(_smooth(_grey(picture)))
    paper = _paper(grey)
    ink = _ink(grey, paper)
    pieces = _without_shadows(_pieces(ink), ink, grey, paper)
    return centred(_one_digit(pieces, ink))


def centred(ink):
    """x of shape (1, 784), float32 from 0 to 1, from ink drawn by hand.

    ink : an array (H, W) of any size, 0 where there is none and the larger the more there is

    The steps are those that made MNIST's digits: the box that holds the ink is scaled until its
    longer side has 20 pixels, and its centre of mass is put into the middle of 28 x 28. MNIST's own
    digits stay as they are. If most of what isn't 0 is faint, it is background, not ink. ValueError
    where there is no ink, ink below 0, nan or inf, or ink all around, as white paper would be.
    """
    expected = "ink as an array (H, W) of numbers, 0 where there is none"
    pad = _numbers(ink, expected, [()], "centred")
    if not (0 < pad.max() < np.inf and pad.min() >= 0):
        raise ValueError(f"expected {expected}, got none, or less than 0, or nan or inf")
    ink = pad / pad.max()
    if np.median(ink[ink > 0]) < 0.25:  # at least 0.26 in all of MNIST
        ink = np.where(ink < 0.4, 0, ink)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corners = ink[[0, 0, -1, -1], [0, -1, 0, -1]]
    if corners.all() and all(a > 0.8 * b for a, b in zip(ink.shape, pad.shape)):
        raise ValueError(f"expected {expected}, got some all around; for paper, call from_photo")
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    ink = _averages(ink.shape[0], height) @ ink @ _averages(ink.shape[1], width).T
    top, left = _start(ink.sum(axis=1)), _start(ink.sum(axis=0))
    x = np.zeros((28, 28), np.float32)
    x[top : top + height, left : left + width] = ink / ink.max()
    return x.reshape(1, 784)


def _numbers(picture, expected, colours, reader):
    """The picture as an array (H, W) or (H, W, colours), or an error that says what it is."""
    many = f"of several pictures, np.concatenate([{reader}(each) for each in pictures])"
    try:
        picture = np.asarray(picture)
    except ValueError:
        raise ValueError(f"expected {expected}, got several sizes; {many}") from None
    if picture.dtype.kind not in "buif":
        hint = "if it is a path, pass PIL.Image.open(path)"
        raise TypeError(f"expected {expected}, got dtype {picture.dtype}; {hint}")
    came = f"shape {picture.shape}"
    picture = picture.squeeze() if picture.ndim > 2 else picture
    if picture.ndim < 2 or picture.shape[2:] not in colours or picture.size == 0:
        hint = f"; {many}" if picture.ndim > 2 else ""
        if picture.ndim == 3 and picture.shape[2] < 5:
            hint = "; for colours call from_photo"
        elif picture.ndim == 3 and len(picture) < 5 and reader == "from_photo":
            hint = f"; if colours come first, pass np.moveaxis(np.array(picture), 0, -1){hint}"
        raise ValueError(f"expected {expected}, got {came}{hint}")
    if max(picture.shape[:2]) > 25 * min(picture.shape[:2]):  # no digit, and too much memory
        raise ValueError(f"expected {expected}, got a strip, of {came}")
    return picture


def _grey(picture):
    """(H, W) of at most SIDE pixels, where white is 1: means of the colours of n x n pixels."""
    if hasattr(picture, "getexif"):  # a PIL image
        from PIL import ImageOps  # which is there, then

        picture = ImageOps.exif_transpose(picture)
        if picture.mode[0] not in "IF":  # those hold large numbers; others, colours in a table too
            picture = picture.convert("RGBA")
    expected = "a picture as an array (H, W), (H, W, 3) or (H, W, 4) of numbers"
    picture = _numbers(picture, expected, [(), (2,), (3,), (4,)], "from_photo")
    least, most = float(picture.min()), float(picture.max())
    if not -1e30 < least <= most < 1e30:
        raise _refused("nan, inf, or numbers beyond 1e30", "")
    white = 1 if most <= 1 else max(255, most)  # a scan has more
    n = min(-(-max(picture.shape[:2]) // SIDE), *picture.shape[:2])
    H, W = (side // n * n for side in picture.shape[:2])
    parts = (picture[i:H:n, j:W:n] for i in range(n) for j in range(n))
    ground = _ground(picture[::n, ::n], white) if picture.shape[2:] in [(2,), (4,)] else 1
    grey = sum(_light(part, white, ground) for part in parts) / n**2
    if grey.max() - grey.min() < 1e-6:  # rounding makes less
        raise _refused("one colour only, or nothing that is opaque", "")
    return grey - min(0, grey.min())


def _refused(came, hint=ROOM):
    came += hint and f"; {hint}"
    return ValueError(f"expected a picture of one digit with paper around it, got {came}")


def _light(picture, white, ground):
    """The mean of each pixel's colours. What isn't opaque lies on that ground."""
    picture = picture / np.float32(white)
    if picture.ndim == 2:
        return picture
    colours = 1 if picture.shape[2] == 2 else 3
    light = sum(picture[..., k] for k in range(colours)) / colours
    return light if picture.shape[2] == 3 else ground + (light - ground) * picture[..., -1]


def _ground(picture, white):
    """0, black, if most of the picture is transparent and all ink in it bright; else 1, white."""
    opacity = picture[..., -1] / np.float32(white)
    ink = _light(picture, white, 0)[opacity >= 0.9 * opacity.max()]
    drawn = 2 * np.count_nonzero(opacity) < opacity.size
    return 0 if drawn and ink.min() > 0.5 * opacity.max() else 1


def _smooth(grey):
    """Means of 3 x 3 pixels have a third of the noise. In a small picture, strokes need them."""
    if max(grey.shape) <= 200:
        return grey
    for _ in range(2):
        wide = np.pad(grey, [(1, 1), (0, 0)], "edge")
        grey = ((wide[:-2] + wide[1:-1] + wide[2:]) / 3).T
    return grey


def _dark_on_bright(grey):
    """Bright ink becomes dark. Ink is what there is less of: near it, most pixels are paper."""
    reach = _reach(grey)
    wide = np.pad(grey, reach, "symmetric")
    most, least = _largest(wide, reach), -_largest(-wide, reach)
    excess = np.sum(2 * grey - most - least, dtype=float)
    if abs(excess) < 0.05 * np.sum(most - least, dtype=float):
        raise _refused("as much dark as bright")
    return grey if excess > 0 else -grey


def _paper(grey):
    """How bright the paper is at each pixel, without the ink, but with all light and shadow.

    First each pixel becomes the largest around it, which fills strokes up and moves edges; then
    the smallest around it, which moves edges of shadows back to where they were.
    """
    reach = _reach(grey)
    wide = np.pad(grey, 2 * reach, "symmetric")
    return -_largest(-_largest(wide, reach), reach)


def _reach(grey):
    """Half the width of what no stroke fills: a third of the picture."""
    return max(1, max(grey.shape) // 6)


def _largest(a, reach):
    """(H - 2 reach, W - 2 reach): the largest number as far as reach around each pixel.

    Around means in an octagon, since a square would cut corners where shadows are round. It comes
    of the largest in a column, in a row, and in the two diagonals, one after the other.
    """
    slant = round(0.29 * reach)
    straight = reach - 2 * slant
    for n, j in ((straight, 0), (straight, 0), (slant, 1), (slant, 1)):
        size = 1
        while size < 2 * n + 1:  # the larger of two lines that overlap or touch
            step = min(size, 2 * n + 1 - size)
            height, width = a.shape[0] - step, a.shape[1] - step * j
            a = np.maximum(a[:height, :width], a[step:, step * j :])
            size += step
        a = np.rot90(a)
    return a


def _ink(grey, paper):
    """(H, W) from 0 to 1: how much ink there is. Light falls on both, so it is a share of paper."""
    ink = (paper - grey) / np.maximum(np.abs(paper), np.abs(grey).max() / 10)
    low, usual = np.percentile(ink, [16, 50])  # usual - low is how much plain paper varies
    top, left = (side // 16 for side in ink.shape)  # a frame or a desk isn't what ink is like
    inner = ink[top : len(ink) - top, left : ink.shape[1] - left]
    seen = inner[inner > usual + 4 * (usual - low) + 0.01 * inner.max()]
    strong = np.percentile(seen, 95) if seen.size else 0
    if strong <= usual + 8 * (usual - low):
        raise _refused("nothing that stands out from the paper")
    level = (ink - usual) / (strong - usual)
    # Less than 0.4 is noise, a shadow, or a pale line. Strokes of MNIST have full ink.
    return np.where(level < 0.4, 0, np.minimum(level / 0.7, 1))


def _pieces(ink):
    """Pixels (n, 2) of each piece of ink that hangs together, the largest piece first."""
    left, pieces = set(map(tuple, np.argwhere(ink).tolist())), []
    while left:
        piece = [left.pop()]
        for i, j in piece:  # which grows meanwhile
            near = [(i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            new = [pixel for pixel in near if pixel in left]
            left.difference_update(new)
            piece += new
        pieces.append(np.array(piece))
    return sorted(pieces, key=len, reverse=True)


def _without_shadows(pieces, ink, grey, paper):
    """The pieces with something brighter on all sides. Round edges of shadows have it on one."""
    r = max(1, max(ink.shape) // 80)
    ends, bright = np.zeros(ink.shape), np.zeros(ink.shape)
    for step in ((0, r), (0, -r), (r, 0), (-r, 0)):
        end = (ink > 0) & (np.roll(ink, step, (0, 1)) == 0)
        ends += end
        bright += end & (np.roll(grey, step, (0, 1)) - grey > 0.15 * (paper - grey))
    return [p for p in pieces if bright[tuple(p.T)].sum() >= 0.8 * ends[tuple(p.T)].sum()]


def _one_digit(pieces, ink):
    """The ink of the pieces that are one digit."""
    shape = np.array(ink.shape)
    boxes = [(piece.min(axis=0), piece.max(axis=0) + 1) for piece in pieces]
    at_rim = [(start == 0).any() or (end == shape).any() for start, end in boxes]
    inside = [k for k in range(len(pieces)) if not at_rim[k]]
    if not pieces:
        raise _refused("shadows only")
    if not inside:
        raise _refused("ink to the rim only", "leave paper around it, or write darker than lines")
    first = inside[0]
    start, end = boxes[first]
    if max(end - start) < 0.04 * max(shape):
        raise _refused("specks only", "if one is the digit, cut it down to that and its paper")
    if len(pieces[first]) > 0.78 * np.prod(end - start) and 2 * min(end - start) > max(end - start):
        raise _refused("a filled shape instead of strokes")

    # What is near belongs to it, as the bar of a 5 does. What is tiny is dust.
    large = [k for k in range(len(pieces)) if len(pieces[k]) >= 0.02 * len(pieces[first])]
    digit, grown = [first], True
    while grown:
        grown = False
        for k in set(large) - set(digit):
            near = (0.1 if at_rim[k] else 0.15) * max(end - start)
            if ((pieces[k] >= start - near) & (pieces[k] < end + near)).all(axis=1).any():
                if at_rim[k]:
                    raise _refused("ink that runs to the rim", "leave plain paper around it")
                digit, grown = [*digit, k], True
                start, end = np.minimum(start, boxes[k][0]), np.maximum(end, boxes[k][1])
    size = max(end - start)
    for k in set(inside) - set(digit):
        if max(boxes[k][1] - boxes[k][0]) > 0.25 * size:
            raise _refused("more than one digit, or other ink beside it", "cut it down to one")
    for a in digit:
        for b in digit:
            (above, left), (below, right) = boxes[a]
            (top, start_of_b), (bottom, _) = boxes[b]
            if min(below - above, bottom - top) > 0.7 * (end - start)[0] and right <= start_of_b:
                raise _refused("two digits side by side", "cut it down to one")
            holds = (boxes[a][0] < boxes[b][0]).all() and (boxes[b][1] < boxes[a][1]).all()
            if holds and max(boxes[b][1] - boxes[b][0]) > 0.25 * size:
                raise _refused("a frame or a ring around it", "cut that off")
    pixels = tuple(np.concatenate([pieces[k] for k in digit]).T)
    if sum(len(pieces[k]) for k in inside) > 1.5 * len(pixels[0]):
        raise _refused("too many specks: holes, dust, or parts of lines")
    alone = np.zeros(ink.shape)
    alone[pixels] = ink[pixels]
    return alone


def _averages(length, parts):
    """A matrix (parts, length) that divides a line of pixels into parts and averages each.

    Part i has pixel j in it from max(start of i, j) to min(end of i, j + 1), if that is a distance.
    """
    edges, j = np.linspace(0, length, parts + 1)[:, np.newaxis], np.arange(length)
    return np.maximum(np.minimum(edges[1:], j + 1) - np.maximum(edges[:-1], j), 0) * parts / length


def _start(ink):
    """Where a line of ink starts in 28 pixels, so that its centre of mass comes to lie at 14."""
    centre = ink @ np.arange(len(ink)) / ink.sum()
    return int(np.clip(round(14 - centre), 0, 28 - len(ink)))
