"""Every operation as plain loops in float64, slow and checkable by eye: what the fast ones are compared with."""

from math import exp, isnan, log, sqrt

import numpy as np


def pair(value):
    """(rows, columns) from one number or two."""
    return (value, value) if isinstance(value, int) else tuple(value)


def borders(pad):
    """((top, bottom), (left, right)) from one number, two (rows, columns) or four."""
    rows, columns = (pad[:2], pad[2:]) if not isinstance(pad, int) and len(pad) == 4 else pair(pad)
    return pair(rows), pair(columns)


def starts(size, window, stride, pad, ceil):
    """First pixel of each place of a window along one side, found by walking; ceil: one that hangs over may follow."""
    before, after = pair(pad)
    found = list(range(-before, size + after - window + 1, stride))
    last_end = found[-1] + window if found else -before
    following = found[-1] + stride if found else -before
    if ceil and last_end < size + after and following < size:
        found.append(following)
    return found


def inside(start, window, size):
    """(k, pixel) for each element k of the window that lies in the image."""
    return [(k, start + k) for k in range(window) if 0 <= start + k < size]


def places(x, windows, stride, pad, ceil=False):
    """(n, i, j, top, left) for each place of the window in each image, and (N, OH, OW)."""
    sides = zip(x.shape[1:3], pair(windows), pair(stride), borders(pad), strict=True)
    tops, lefts = (starts(*side, ceil) for side in sides)
    found = [(n, i, j, top, left) for n in range(x.shape[0]) for i, top in enumerate(tops) for j, left in enumerate(lefts)]
    return found, (x.shape[0], len(tops), len(lefts))


def terms(x, weight, stride, pad, groups, ceil):
    """Every product of a convolution: (place in y, place in weight, place in x)."""
    maps_out, height, width, maps_in = weight.shape
    for n, i, j, top, left in places(x, (height, width), stride, pad, ceil)[0]:
        for o in range(maps_out):
            group = o // (maps_out // groups)
            for kh, row in inside(top, height, x.shape[1]):
                for kw, column in inside(left, width, x.shape[2]):
                    for c in range(maps_in):
                        yield (n, i, j, o), (o, kh, kw, c), (n, row, column, group * maps_in + c)


def convolve(x, weight, bias=None, *, stride=1, pad=0, groups=1, ceil=False):
    _, size = places(x, weight.shape[1:3], stride, pad, ceil)
    y = np.zeros((*size, weight.shape[0]))
    for at_y, at_weight, at_x in terms(x, weight, stride, pad, groups, ceil):
        y[at_y] += float(weight[at_weight]) * float(x[at_x])
    return y if bias is None else y + bias.astype(float)


def convolve_transpose(y, weight, size, *, stride=1, pad=0, groups=1, ceil=False):
    x = np.zeros((y.shape[0], *size, weight.shape[3] * groups))
    for at_y, at_weight, at_x in terms(x, weight, stride, pad, groups, ceil):
        x[at_x] += float(weight[at_weight]) * float(y[at_y])
    return x


def filter_gradient(x, gy, weight, *, stride=1, pad=0, groups=1, ceil=False):
    gweight = np.zeros(weight.shape)
    for at_y, at_weight, at_x in terms(x, weight, stride, pad, groups, ceil):
        gweight[at_weight] += float(gy[at_y]) * float(x[at_x])
    return gweight


def im2col(x, windows, *, stride=1, pad=0, ceil=False):
    """(N, OH, OW, KH, KW, C): what the window sees at each place, 0 outside the image."""
    found, size = places(x, windows, stride, pad, ceil)
    columns = np.zeros((*size, *windows, x.shape[3]), x.dtype)
    for n, i, j, top, left in found:
        for kh, row in inside(top, windows[0], x.shape[1]):
            for kw, column in inside(left, windows[1], x.shape[2]):
                columns[n, i, j, kh, kw] = x[n, row, column]
    return columns


def max_pool(x, window, stride, pad=0, ceil=False):
    """Values and switches. A NaN beats every number; of equals the first in raster order; padding does not take part."""
    found, size = places(x, window, stride, pad, ceil)
    y, index = np.zeros((*size, x.shape[3])), np.zeros((*size, x.shape[3]), np.int32)
    for n, i, j, top, left in found:
        for c in range(x.shape[3]):
            best = None
            for _, row in inside(top, pair(window)[0], x.shape[1]):
                for _, column in inside(left, pair(window)[1], x.shape[2]):
                    value = float(x[n, row, column, c])
                    if best is None or value > best or (isnan(value) and not isnan(best)):
                        best, index[n, i, j, c] = value, row * x.shape[2] + column
            y[n, i, j, c] = best
    return y, index


def unpool(y, index, size, overwrite=False):
    x = np.zeros((y.shape[0], *size, y.shape[3]))
    for n, i, j, c in np.ndindex(*y.shape):
        row, column = divmod(int(index[n, i, j, c]), size[1])
        before = 0.0 if overwrite else x[n, row, column, c]
        x[n, row, column, c] = before + float(y[n, i, j, c])
    return x


def unpool_region(values, images, rows, columns, index, size, window, stride, pad=0):
    """Windows rows[u], ... and columns[u], ... of image images[u], with their values, on the pixels below that they may reach."""
    (height, width), (down, across), ((top, _), (left, _)) = pair(window), pair(stride), borders(pad)
    units, h, w, c = values.shape
    x = np.zeros((units, (h - 1) * down + height, (w - 1) * across + width, c))
    for u, i, j, o in np.ndindex(*values.shape):
        place = int(rows[u]) + i, int(columns[u]) + j
        if 0 <= place[0] < index.shape[1] and 0 <= place[1] < index.shape[2]:
            row, column = divmod(int(index[images[u], place[0], place[1], o]), size[1])
            x[u, row - int(rows[u]) * down + top, column - int(columns[u]) * across + left, o] += float(values[u, i, j, o])
    return x


def shares(x, window, stride, pad, ceil, count_padding):
    """Every share of an average: (place in y, place in x, 1 / number of pixels that count in the window)."""
    (top_pad, bottom_pad), (left_pad, right_pad) = borders(pad) if count_padding else ((0, 0), (0, 0))
    for n, i, j, top, left in places(x, window, stride, pad, ceil)[0]:
        rows, columns = (range(first, first + k) for first, k in zip((top, left), pair(window), strict=True))
        counted = sum(-top_pad <= row < x.shape[1] + bottom_pad for row in rows)
        counted *= sum(-left_pad <= column < x.shape[2] + right_pad for column in columns)
        for _, row in inside(top, pair(window)[0], x.shape[1]):
            for _, column in inside(left, pair(window)[1], x.shape[2]):
                yield (n, i, j), (n, row, column), 1 / counted


def average_pool(x, window, stride, pad=0, ceil=False, count_padding=True):
    y = np.zeros((*places(x, window, stride, pad, ceil)[1], x.shape[3]))
    for at_y, at_x, share in shares(x, window, stride, pad, ceil, count_padding):
        y[at_y] += share * x[at_x].astype(float)
    return y


def average_pool_transpose(y, size, window, stride, pad=0, ceil=False, count_padding=True):
    x = np.zeros((y.shape[0], *size, y.shape[3]))
    for at_y, at_x, share in shares(x, window, stride, pad, ceil, count_padding):
        x[at_x] += share * y[at_y].astype(float)
    return x


def local_response_norm(x, n, k, a, beta):
    y = np.zeros(x.shape)
    for *pixel, c in np.ndindex(*x.shape):
        near = [float(x[*pixel, d]) for d in range(c - n // 2, c + (n - 1) // 2 + 1) if 0 <= d < x.shape[3]]
        y[*pixel, c] = float(x[*pixel, c]) / (k + a * sum(v * v for v in near)) ** beta
    return y


def local_contrast_norm(x, window, sigma, floor):
    """Local contrast normalisation: subtract the weighted mean, divide by max(deviation, its mean, floor)."""
    y, half = np.zeros(x.shape), window // 2

    def weighted_mean(image, row, column):
        total = norm = 0.0
        for dr in range(-half, half + 1):
            for dc in range(-half, half + 1):
                if 0 <= row + dr < x.shape[1] and 0 <= column + dc < x.shape[2]:
                    weight = exp(-(dr * dr + dc * dc) / (2 * sigma * sigma))
                    total += weight * sum(float(v) for v in image[row + dr, column + dc])
                    norm += weight * x.shape[3]
        return total / norm

    pixels = list(np.ndindex(*x.shape[1:3]))
    for n in range(x.shape[0]):
        v = np.array([x[n, i, j].astype(float) - weighted_mean(x[n], i, j) for i, j in pixels]).reshape(x.shape[1:])
        deviation = [sqrt(weighted_mean(v * v, i, j)) for i, j in pixels]
        for (i, j), own in zip(pixels, deviation, strict=True):
            y[n, i, j] = v[i, j] / max(own, sum(deviation) / len(deviation), floor)
    return y


def linear(x, weight, bias):
    y = np.zeros((x.shape[0], weight.shape[0]))
    for n, o in np.ndindex(*y.shape):
        y[n, o] = float(bias[o]) + sum(float(weight[o, i]) * float(x[n, i]) for i in range(x.shape[1]))
    return y


def softmax(x):
    y = np.zeros(x.shape)
    for row in np.ndindex(*x.shape[:-1]):
        total = sum(exp(float(s)) for s in x[row])
        y[row] = [exp(float(s)) / total for s in x[row]]
    return y


def softmax_gradient(y, gy):
    """By the Jacobian dy_c / dx_d = y_c (1 if c = d else 0) - y_c y_d."""
    gx = np.zeros(y.shape)
    for *row, d in np.ndindex(*y.shape):
        for c in range(y.shape[-1]):
            gx[*row, d] += float(gy[*row, c]) * float(y[*row, c]) * ((c == d) - float(y[*row, d]))
    return gx


def cross_entropy(scores, labels):
    loss, gscores = 0.0, np.zeros(scores.shape)
    for n, label in enumerate(labels):
        total = sum(exp(float(s)) for s in scores[n])
        loss -= log(exp(float(scores[n, label])) / total) / len(labels)
        for c, s in enumerate(scores[n]):
            gscores[n, c] = (exp(float(s)) / total - (c == label)) / len(labels)
    return loss, gscores
