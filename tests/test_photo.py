"""A digit of one's own: from a photo or a pad to x, or a refusal, never a silent guess."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from readers import error_of

from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from dataset.mnist import load_mnist
from dataset.photo import centred, from_photo


def drawn_L(k, height, width, top, left):
    """A picture with an L in it, 1 on 0: 20k high, 12k wide, and all its strokes 4k wide."""
    picture = np.zeros((height, width))
    picture[top : top + 20 * k, left : left + 4 * k] = 1
    picture[top + 16 * k : top + 20 * k, left : left + 12 * k] = 1
    return picture


# Its longer side becomes 20 pixels, so it is 20 x 12, with strokes of 4. Its upright has 20 * 4 =
# 80 pixels, the rest of its foot 4 * 8 = 32. The centre of mass, counted from its first pixel:
# rows    (80 * 9.5 + 32 * 17.5) / 112 = 11.8, so the first row is 14 - 11.8 = 2.2, that is 2;
# columns (80 * 1.5 + 32 *  7.5) / 112 =  3.2, so the first column is 10.8, that is 11.
L = drawn_L(1, 28, 28, top=2, left=11).reshape(1, 784)
PICTURE = drawn_L(5, 200, 150, top=30, left=70)


@pytest.mark.parametrize("k, place", [(7, (300, 260, 9, 8)), (60, (2001, 2600, 200, 800))])
def test_a_large_picture_is_averaged_first_which_shifts_edges_by_less_than_a_pixel(k, place):
    x = from_photo(drawn_L(k, *place))
    # The L's outline is 20 + 4 + 16 + 8 + 4 + 12 = 64 pixels long, with pixels on either side.
    assert np.count_nonzero(np.abs(x - L) > 0.01) <= 2 * 64 and np.abs(x - L).max() < 0.5


def test_mnists_own_digits_stay_as_they_are(digits):
    _, (x, _) = digits
    # Those that have a pixel of 255: the brightest pixel becomes 1.
    x = x[:1000][x[:1000].max(axis=1) == 1]
    kept = [np.allclose(centred(each.reshape(28, 28)), each, atol=1e-6) for each in x]
    assert np.mean(kept) > 0.85  # the others move by a pixel, where a centre lies between two
    # Elsewhere on a pad, and twice as large, they are the same again.
    pad = np.zeros((100, 90))
    pad[30:86, 20:76] = np.kron(x[0].reshape(28, 28), np.ones((2, 2)))
    np.testing.assert_allclose(centred(pad), centred(x[0].reshape(28, 28)), atol=1e-6)


def test_pixels_are_averaged_by_their_areas():
    # 30 columns become 20, each of 1.5 pixels. Pixel 1 is 0.6 and all others 1: column 0 has all
    # of pixel 0 and half of pixel 1, (1 + 0.6 / 2) / 1.5 = 0.8667, and so has column 1, of half of
    # pixel 1 and all of pixel 2. Centre of mass: (190 - 0.1333 * (0 + 1)) / (20 - 2 * 0.1333) =
    # 9.62, so the first column is 14 - 9.62 = 4.38, that is 4.
    ink = np.zeros((40, 50))
    ink[5:35, 5:35] = 1
    ink[5:35, 6] = 0.6
    row = centred(ink).reshape(28, 28)[12]
    np.testing.assert_allclose(row, [0] * 4 + [1.3 / 1.5] * 2 + [1] * 18 + [0] * 4, atol=1e-6)


def test_thin_strokes_are_bright_too_and_a_dot_fills_its_square():
    thin = np.zeros((500, 500))  # a cross with lines of 1/15 of what will be a pixel
    thin[100:401, 250] = thin[250, 100:401] = 1
    assert from_photo(thin).max() == centred(thin).max() == 1
    dot = np.zeros((9, 9))
    dot[3, 7] = 1
    assert centred(dot).sum() == 20 * 20


def in_colours(ink, ground):
    """PICTURE with that ink on that ground."""
    return np.where(PICTURE[..., np.newaxis] > 0, np.array(ink), np.array(ground))


def through_file(image, form, **options):
    """The image, saved and opened again."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file)


INK = np.uint8(255 * PICTURE)
SCAN = Image.fromarray(np.uint16(60000 - 50000 * PICTURE))
PICTURES = {
    "0 on 1": 1 - drawn_L(1, 28, 28, 2, 11),
    "small, at the foot": 1 - drawn_L(1, 90, 30, 60, 3),
    "large": drawn_L(6, 150, 200, 9, 8),
    "grey": 255 - INK,
    "pencil on grey paper": 0.7 - 0.2 * PICTURE,
    "nearly black on black": np.uint8(PICTURE),
    "a list": PICTURE.tolist(),
    "16 bits": np.uint16(65535 * PICTURE),
    "16 bits and opacity": np.uint16(65535 * in_colours([0, 0, 0, 0.9], [1.0, 1, 1, 0])),
    "below 0": PICTURE - 0.5,
    "red on white": in_colours([1.0, 0, 0], [1.0, 1, 1]),
    "opaque": in_colours([0, 0, 0, 255], [255, 255, 255, 255]).astype(np.uint8),
    "black on nothing": in_colours([0, 0, 0, 255], [0, 0, 0, 0]).astype(np.uint8),
    "colours in a table": Image.fromarray(255 - INK).convert("RGB").quantize(5),
    "grey and opacity": Image.fromarray(255 - INK).convert("LA"),
    "white on nothing": np.uint8(255 * in_colours([1, 1, 1, 1], [0, 0, 0, 0])),
    "yellow on nothing": in_colours([1, 1, 0.8, 0.9], [1, 1, 1, 0]),
    "white, in grey and opacity": np.uint8(255 * in_colours([1, 1], [0, 0])),
    "cut out of white paper": np.pad(
        in_colours([0, 0, 0, 1], [1.0, 1, 1, 1])[20:140, 60:140], [(20, 60), (60, 10), (0, 0)]
    ),
    "one of one": PICTURE[np.newaxis],
    "for print": Image.fromarray(255 - INK).convert("CMYK"),
    "a scan, I;16": through_file(SCAN, "PNG"),
    "1 bit": Image.fromarray(PICTURE == 0),
}


PAD = drawn_L(2, 80, 90, 9, 30)
RANDOM = np.random.default_rng(0)
PADS = {
    "as large as x": drawn_L(1, 28, 28, top=0, left=0),
    "a list of truth values": (PAD > 0).tolist(),
    "cut down to it": drawn_L(2, 40, 24, 0, 0),
    "with an axis more": PAD[..., np.newaxis],
    "1e305": 1e305 * PAD,
    "background of 1": np.uint8(1 + 254 * PAD),
    "background of 40": np.uint8(40 + 215 * PAD),
    "noise": PAD + 0.08 * np.clip(RANDOM.standard_normal(PAD.shape), 0, 4) * (PAD == 0),
}
SAME_X = [(from_photo, each) for each in PICTURES.values()]
SAME_X += [(centred, each) for each in PADS.values()]


@pytest.mark.parametrize("reader, picture", SAME_X, ids=[*PICTURES, *PADS])
def test_whatever_shows_the_digit_becomes_the_same_x(reader, picture):
    before = np.array(picture)
    x = reader(picture)
    assert x.shape == (1, 784) and x.dtype == np.float32
    np.testing.assert_allclose(x, L, atol=1e-6)
    np.testing.assert_array_equal(np.array(picture), before)


def test_opacity_lays_colours_on_white():
    # Nothing is around a black half of a bar and one in 0.58 of white: ink of 1 and of 0.42. The
    # strongest ink is 1, and 0.7 and more of that is full: 0.42 / 0.7 = 0.6.
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[10:50, 27:33, 3] = 255
    picture[30:50, 27:33, :3] = 0.58 * 255
    column = from_photo(picture).reshape(28, 28).max(axis=1)
    assert np.count_nonzero(column == 1) == 10
    assert np.count_nonzero(np.abs(column - 0.6) < 0.01) == 10


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_photo_is_turned_as_the_phone_was_held(form):
    exif = Image.Exif()
    exif[274] = 6  # as the phone writes it where the first row is the right side of the scene
    image = Image.fromarray(np.ascontiguousarray(np.rot90(255 - INK)))
    photo = through_file(image, form, exif=exif, quality=95)
    np.testing.assert_allclose(from_photo(photo), L, atol=0.1)


# Photos as people take them, read by a network


def x_or_none(photo):
    with contextlib.suppress(ValueError):
        return from_photo(photo)


@pytest.fixture(scope="module")
def digits():
    return load_mnist()


@pytest.fixture(scope="module")
def trained(digits):
    net = TwoLayerNet(784, 50, 10, dtype=np.float32, rng=0)
    train(net, *digits, iters_num=1500, rng=0)
    return net


def on_paper(digit, rng, size, paper):
    """Light from 0 to 1 on paper with a digit of MNIST somewhere; its 28 pixels become size."""
    ink = Image.fromarray(np.uint8(255 * digit.reshape(28, 28))).resize((size, size))
    top, left = (rng.integers(side // 12, side - size - side // 12) for side in paper)
    light = np.ones(paper)
    light[top : top + size, left : left + size] -= 0.7 * np.asarray(ink) / 255
    return 0.9 * light


def noisy(photo, rng, noise=0.08):
    return photo + noise * rng.standard_normal(photo.shape)


def half_in_shadow(photo, rng, y, x):
    angle = rng.uniform(0, 2 * np.pi)
    return photo * np.where(np.cos(angle) * x + np.sin(angle) * y < 0.05, 1, 0.6)


SITUATIONS = {  # y and x say where each pixel lies, from -0.5 to 0.5
    "noisy": lambda photo, rng, y, x: noisy(photo, rng),
    "from the side": lambda photo, rng, y, x: photo * (0.65 - 0.6 * (y, x)[rng.integers(2)]),
    "half in shadow": half_in_shadow,
    "below a head": lambda photo, rng, y, x: (
        photo * np.where(np.hypot(y + 0.6, x - rng.uniform(-0.3, 0.3)) < 0.4, 0.6, 1)
    ),
    "framed": lambda photo, rng, y, x: np.pad(photo, 1),
    "compressed": lambda photo, rng, y, x: through_file(
        Image.fromarray(np.uint8(255 * noisy(photo, rng, 0.02).clip(0, 1))), "JPEG", quality=20
    ),
    "on a desk": lambda photo, rng, y, x: np.where(  # dark wood on the left and below
        (x + 0.03 * y < -0.46) | (y - 0.03 * x > 0.46), 0.35 + 0.02 * np.sin(200 * y), photo
    ),
    "ruled": lambda photo, rng, y, x: (
        photo * np.where(np.arange(len(photo)) % 40 < 2, 0.85, 1)[:, np.newaxis]
    ),
    "dusty": lambda photo, rng, y, x: (
        photo * np.kron(rng.random((75, 90)) > 0.002, np.ones((4, 4)))
    ),
    "chalk": lambda photo, rng, y, x: noisy(half_in_shadow(1.1 - photo, rng, y, x), rng, 0.02),
}
SIZES = {"small": (28, (50, 60)), "far away": (56, (400, 400)), "large": (1400, (2000, 2500))}
SITUATIONS |= dict.fromkeys(SIZES, lambda photo, *_: photo)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_digits_are_read_on_any_paper_in_any_light_and_size(trained, digits, situation):
    size, paper = SIZES.get(situation, (180, (300, 360)))
    places = np.mgrid[tuple(slice(-0.5, 0.5, side * 1j) for side in paper)]
    _, (x, t) = digits
    known = np.flatnonzero(trained.predict(x[:50]).argmax(axis=1) == t[:50])  # in MNIST itself
    rng, refused = np.random.default_rng(1), 0
    for k in known[: 15 if size < 1000 else 5]:
        photo = SITUATIONS[situation](on_paper(x[k], rng, size, paper), rng, *places)
        read = x_or_none(photo)
        refused += read is None
        assert read is None or trained.predict(read).argmax() == t[k]
    assert refused <= 1


def strokes(*bars, shape=(200, 200)):
    """Paper with bars (top, bottom, left, right) of ink."""
    picture = np.ones(shape)
    for top, bottom, left, right in bars:
        picture[top:bottom, left:right] = 0.2
    return picture


STROKE = (50, 150, 90, 105)
FIVE = [(50, 60, 70, 130), (69, 110, 70, 80), (100, 110, 70, 120), (110, 150, 110, 120)]
PIECES = {
    "the bar of a 5": (FIVE, []),
    "an open 4": ([(50, 110, 60, 70), (100, 110, 60, 100), (50, 150, 106, 116)], []),
    "a 1 with a gap": ([(50, 95, 95, 103), (100, 150, 95, 103)], []),
    "a speck far off": ([STROKE], [(20, 23, 20, 23)]),
    "a speck beside it": ([STROKE], [(80, 83, 180, 183)]),
    "a speck at the rim": ([STROKE], [(95, 110, 198, 200)]),
}


@pytest.mark.parametrize("digit, rest", PIECES.values(), ids=PIECES)
def test_pieces_near_each_other_are_one_digit_and_small_ones_far_off_are_not(digit, rest):
    x = from_photo(strokes(*digit, *rest))
    np.testing.assert_allclose(x, centred(strokes(*digit) < 1), atol=1e-6)


BAR = (50, 150, 90, 100)
NOISE = np.random.default_rng(0).standard_normal((200, 200))
Y, X = np.mgrid[0:1:200j, 0:1:200j]
SQUARES = np.where((np.arange(200) % 20 < 2) | (np.arange(200)[:, np.newaxis] % 20 < 2), 0.4, 1)
REFUSED = {
    "two digits": (strokes(BAR, (50, 150, 130, 140)), "than one"),
    "two digits, close": (strokes(BAR, (50, 150, 104, 114)), "two digits"),
    "one above the other": (strokes((20, 80, 90, 100), (120, 180, 90, 100)), "than one"),
    **{f"cut off, {k}": (np.rot90(strokes((0, 100, 90, 100)), k), "rim") for k in range(4)},
    "a line through it": (strokes(BAR, (100, 104, 0, 200)), "rim"),
    "lines beside it": (strokes(BAR, (0, 200, 104, 108)), "rim"),
    "a frame": (np.pad(np.pad(strokes(BAR), 9), 9, constant_values=1), "frame"),
    "a full square": (strokes((80, 120, 80, 120)), "filled"),
    "a speck": (strokes((80, 83, 80, 83)), "specks"),
    "noise": (0.8 + 0.02 * NOISE, "as much dark as bright"),
    "grainy paper": (0.8 + 0.02 * np.minimum(NOISE, 0.5), "stands out"),
    "a note on a desk": (np.pad(strokes((50, 90, 65, 75))[20:120, 20:120], 50) + 0.4, "no desk"),
    "holes": (strokes(BAR, *((k, k + 7, 9, 16) for k in range(4, 190, 9))), "holes"),
    "squared paper": (np.minimum(SQUARES, strokes(BAR)), "lines"),
    "light from the side": (0.4 + 0.5 * X, ""),
    "a shadow": (np.where(X + 0.3 * Y < 0.6, 0.9, 0.5), ""),
    "a round shadow": (np.where(np.hypot(X - 0.5, Y) < 0.4, 0.5, 0.9), "shadow"),
    "ruled paper": (np.where(np.arange(200) % 20 < 2, 0.5, 0.9)[:, np.newaxis] + 0 * X, "rim"),
    "an empty frame": (np.pad(np.ones((100, 100)), 1), ""),
    "as much ink as paper": (np.pad(np.ones((60, 60)), ((0, 0), (0, 60))), "dark as bright"),
}  # fmt: skip


@pytest.mark.parametrize("picture, reason", REFUSED.values(), ids=REFUSED)
def test_what_is_not_one_digit_on_paper_is_refused(picture, reason):
    for each in (picture, np.uint8(200 * picture)):
        assert reason in error_of(ValueError, lambda each=each: from_photo(each))


def test_two_digits_of_mnist_are_refused(digits):
    _, (x, _) = digits
    read = []
    for a, b in x[:40].reshape(20, 2, 28, 28):
        pair = np.concatenate([a[:, a.any(axis=0)], np.zeros((28, 1)), b[:, b.any(axis=0)]], axis=1)
        photo = np.pad(1 - np.kron(pair, np.ones((3, 3))), 40, constant_values=1)
        read.append(x_or_none(photo))
    assert sum(each is None for each in read) >= 19


EACH = "np.concatenate([{}(each) for each in pictures])"
WHITE = np.stack([np.ones((200, 200)), 0.2 + 0.6 * Y], axis=2)  # in grey and opacity
WRONG = [
    (from_photo, np.ones((28, 28)), "one colour"),
    (from_photo, np.zeros((28, 28, 4), np.uint8), "nothing that is opaque"),
    (from_photo, WHITE, "one colour"),
    (from_photo, np.eye(28) * 1j, "complex"),
    (from_photo, "digit.png", "PIL.Image.open"),
    (from_photo, None, "object"),
    (from_photo, 1e305 * PICTURE, "1e30"),
    (from_photo, np.zeros((5, 28, 28, 3)), EACH.format("from_photo")),
    (from_photo, np.zeros((3, 28, 28)), "if colours come first, pass np.moveaxis"),
    (centred, np.zeros((28, 28, 4)), "for colours call from_photo"),
    (centred, np.zeros((28, 28)), "none"),
    (centred, np.eye(28) - 1, "less than 0"),
    (centred, 255 - 255 * PAD, "paper"),
    (centred, PAD == 0, "paper"),
    (centred, 80 + 175 * PAD, "paper"),
    (centred, np.pad(1 - PAD, 3), "paper"),
]
for reader in (from_photo, centred):
    WRONG += [
        (reader, np.where(np.eye(28) > 0, bad, 0), "inf") for bad in (np.nan, np.inf, -np.inf)
    ]
    WRONG += [(reader, np.zeros((0, 28)), "(0, 28)"), (reader, np.eye(784)[0], "(784,)")]
    WRONG += [(reader, np.eye(*shape), "strip") for shape in ((20, 560), (1, 10_000), (500_000, 2))]
    for several in (np.zeros((5, 28, 28)), [np.eye(28), np.eye(30)]):
        WRONG.append((reader, several, EACH.format(reader.__name__)))


@pytest.mark.parametrize("reader, picture, words", WRONG)
def test_what_is_no_picture_of_a_digit_is_refused(reader, picture, words):
    kind = TypeError if words in ("complex", "PIL.Image.open", "object") else ValueError
    assert words in error_of(kind, lambda: reader(picture))
