"""Random modules of PyTorch, drawn by Hypothesis: 2 to some 12 operations of every kind that comes in, as modules or as code."""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn


class Code(nn.Module):
    """A forward in code: function(module, x), with what it needs as children, parameters and buffers."""

    def __init__(self, function, **needs):
        super().__init__()
        self.function = function
        for name, need in needs.items():
            if isinstance(need, torch.Tensor) and not isinstance(need, nn.Parameter):
                self.register_buffer(name, need)
            else:
                setattr(self, name, need)

    def forward(self, x):
        return self.function(self, x)


class Chain(nn.Module):
    """Steps one after the other, as a forward of one's own."""

    def __init__(self, steps):
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(self, x, skip: bool = False):
        for step in self.steps:
            x = x if skip else step(x)
        return x


class Steps:
    """Steps of a random net, drawn one after the other; shape: (C, H, W) or (F,) after them; code: forwards in code, too."""

    def __init__(self, draw, code):
        self.draw, self.code = draw, code
        self.input = (self.integer(1, 4), self.integer(5, 13), self.integer(5, 13))
        self.shape, self.steps = self.input, []
        self.scaled = False  # whether something may be folded into weights

    def integer(self, first, last):
        return self.draw(st.integers(first, last))

    def boolean(self):
        return self.draw(st.booleans())

    def choose(self, *options):
        return self.draw(st.sampled_from(options))

    def in_code(self):
        return self.code and self.boolean()

    def add(self, step):
        """One more step; its output's shape is tried."""
        self.shape = tuple(step.eval()(torch.zeros(1, *self.shape)).shape[1:])
        self.steps.append(step)

    def pooling(self):
        """Window, stride and padding of a pooling: rectangles, at least one window, at most half a window of padding."""
        window = tuple(self.integer(1, min(4, side)) for side in self.shape[1:])
        stride = self.choose(None, (self.integer(1, 3), self.integer(1, 3)))
        return window, stride, tuple(self.integer(0, k // 2) for k in window)

    def relu(self):
        if not self.in_code():
            return self.add(nn.ReLU(inplace=self.boolean()))
        inplace = self.boolean()
        options = [
            lambda _, x: F.relu(x, inplace),
            lambda _, x: torch.relu(x),
            lambda _, x: x.relu(),
            lambda _, x: x.relu_(),
            lambda _, x: F.relu(x, inplace=inplace),
        ]
        return self.add(Code(self.choose(*options)))


def convolution(steps):
    channels, *sides = steps.shape
    groups = steps.choose(*(g for g in (1, 2, 3) if channels % g == 0))
    window = tuple(steps.integer(1, min(4, side)) for side in sides)
    stride = steps.integer(1, 3), steps.integer(1, 2)
    padding = steps.choose("same", "valid", 0, 1, tuple(steps.integer(0, 3) for _ in range(2)))
    stride = 1 if padding == "same" else stride
    maps, bias = groups * steps.integer(1, 3), steps.boolean()
    conv = nn.Conv2d(channels, maps, window, stride, padding, groups=groups, bias=bias)
    if steps.in_code():
        moves = conv.stride, conv.padding, conv.dilation, groups
        steps.add(Code(lambda m, x: F.conv2d(x, m.weight, m.bias, *moves), weight=conv.weight, bias=conv.bias))
    else:
        steps.add(conv)
    if steps.boolean():
        batch_norm(steps)
    if steps.boolean():
        steps.relu()


def batch_norm(steps):
    steps.scaled = True
    kind = nn.BatchNorm2d if len(steps.shape) == 3 else nn.BatchNorm1d
    norm = kind(steps.shape[0], affine=steps.boolean(), eps=steps.choose(1e-5, 0.1))
    if not steps.in_code():
        return steps.add(norm)

    def forward(m, x):
        n = m.norm
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, training=n.training, eps=n.eps)

    return steps.add(Code(forward, norm=norm))


def max_pool(steps):
    """Half of them over zeros of somebody else's, which may be the maximum."""
    if steps.boolean():
        steps.add(nn.ZeroPad2d(tuple(steps.integer(0, 1) for _ in range(4))))
    (window, stride, padding), ceil = steps.pooling(), steps.boolean()
    if steps.in_code():
        return steps.add(Code(lambda _, x: F.max_pool2d(x, window, stride, padding, ceil_mode=ceil)))
    return steps.add(nn.MaxPool2d(window, stride, padding, ceil_mode=ceil))


def average_pool(steps):
    (window, stride, padding), ceil, counted = steps.pooling(), steps.boolean(), steps.boolean()
    if steps.in_code():
        return steps.add(Code(lambda _, x: F.avg_pool2d(x, window, stride, padding, ceil, count_include_pad=counted)))
    return steps.add(nn.AvgPool2d(window, stride, padding, ceil, counted))


def adaptive_pool(steps):
    size = tuple(steps.choose(None, *(n for n in range(1, side + 1) if side % n == 0)) for side in steps.shape[1:])
    size = (None, 1) if size == (1, 1) else size  # means of whole maps are the end
    if steps.boolean():
        return steps.add(nn.AdaptiveMaxPool2d(size))
    if steps.in_code():
        return steps.add(Code(lambda _, x: F.adaptive_avg_pool2d(x, size)))
    return steps.add(nn.AdaptiveAvgPool2d(size))


def padded(steps):
    """Zeros on each side as they come, before anything."""
    pad, value = tuple(steps.integer(0, 3) for _ in range(4)), steps.choose(None, 0)
    if steps.in_code():
        return steps.add(Code(lambda _, x: F.pad(x, pad, "constant", value)))
    return steps.add(nn.ZeroPad2d(pad) if steps.boolean() else nn.ConstantPad2d(pad, 0.0))


def response_norm(steps):
    size, beta, k = steps.integer(1, 6), steps.choose(0.5, 0.75), steps.choose(1.0, 2.0)
    if steps.in_code():
        return steps.add(Code(lambda _, x: F.local_response_norm(x, size, alpha=1.0, beta=beta, k=k)))
    return steps.add(nn.LocalResponseNorm(size, 1.0, beta, k))


def nothing(steps):
    if steps.in_code():
        return steps.add(Code(lambda m, x: F.dropout(x.contiguous(), 0.5, m.training)))
    return steps.add(steps.choose(nn.Dropout(0.3), nn.Dropout2d(0.3), nn.Identity(), nn.Sequential()))


def arithmetic(steps):
    """Constants: numbers, or one for each map."""
    if not steps.code:
        return batch_norm(steps)
    steps.scaled = True
    shape = steps.choose((1, steps.shape[0], 1, 1), (steps.shape[0], 1, 1))
    mean, std = torch.linspace(-0.5, 0.7, steps.shape[0]).view(shape), torch.linspace(0.6, 1.7, steps.shape[0]).view(shape)
    options = [
        lambda m, x: (x - m.mean) / m.std,
        lambda m, x: m.std * x + m.mean,
        lambda m, x: (0.3 - x) * 0.7 + 1,
        lambda m, x: torch.add(x, m.mean, alpha=2).div(1.3),
        lambda m, x: -x,
    ]
    return steps.add(Code(steps.choose(*options), mean=mean, std=std))


def concatenated(steps):
    """Branches side by side, as a fire module's; one may be the input itself."""
    if not steps.code:
        return convolution(steps)
    channels, dim, itself = steps.shape[0], steps.choose(1, -3), steps.boolean()
    a, b = nn.Conv2d(channels, 2, (3, 1), padding=(1, 0)), nn.Conv2d(channels, 3, (1, 3), padding=(0, 1))
    return steps.add(Code(lambda m, x: torch.cat([m.a(x).relu(), m.b(x)] + [x] * itself, dim), a=a, b=b))


def dense(steps):
    """A normalisation that is not the only one to read its input, as DenseNet's."""
    if not steps.code:
        return batch_norm(steps)
    steps.scaled = True
    norm, conv = nn.BatchNorm2d(steps.shape[0]), nn.Conv2d(steps.shape[0], 2, 3, padding=1, bias=False)
    return steps.add(Code(lambda m, x: torch.cat([x, m.conv(torch.relu_(m.norm(x)))], 1), norm=norm, conv=conv))


def added(steps):
    """A residual block, its branch batch-normalised or its shortcut a convolution."""
    if not steps.code:
        return convolution(steps)
    channels, stride = steps.shape[0], steps.choose(1, 1, 2)
    maps = channels if stride == 1 else channels + 1
    steps.scaled = True
    branch = nn.Sequential(nn.Conv2d(channels, maps, 3, stride, 1, bias=False), nn.BatchNorm2d(maps))
    short = nn.Identity() if stride == 1 else nn.Conv2d(channels, maps, 1, stride)
    options = [lambda m, x: m.branch(x) + m.short(x), lambda m, x: torch.add(m.branch(x), m.short(x)), _added_in_place]
    steps.add(Code(steps.choose(*options), branch=branch, short=short))
    return steps.relu()


def _added_in_place(module, x):
    y = module.branch(x)
    y += module.short(x)
    return y


def means(steps):
    """The mean of each map, as people write it."""
    options = [
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Conv2d(steps.shape[0], 3, 1), nn.ReLU(), nn.Flatten()),
        nn.Sequential(nn.AvgPool2d(steps.shape[1:]), nn.Flatten()),
        nn.AdaptiveAvgPool2d(1),
    ]
    code = [
        lambda _, x: x.mean((2, 3)),
        lambda _, x: x.mean([-1, -2], keepdim=True).flatten(1),
        lambda _, x: x.view(x.size(0), x.size(1), -1).mean(dim=2),
        lambda _, x: x.mean(3).mean(2),
        lambda _, x: F.avg_pool2d(x, x.size()[2:]).view(x.shape[0], -1),
        lambda _, x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
        lambda _, x: torch.flatten(x, 2).mean(-1),
        lambda _, x: F.adaptive_avg_pool2d(x, (1, 1))[:, :, 0, 0],
    ]
    steps.add(Code(steps.choose(*code)) if steps.in_code() else steps.choose(*options))


def classifier(steps):
    """Flattened maps, and fully connected layers."""
    count = steps.shape[0] * steps.shape[1] * steps.shape[2]
    code = [
        lambda _, x: torch.flatten(x, 1),
        lambda _, x: x.flatten(start_dim=1),
        lambda _, x: x.view(x.size(0), -1),
        lambda _, x: x.reshape(-1, count),
        lambda _, x: torch.reshape(x, (x.shape[0], x.shape[1] * x.shape[2] * x.shape[3])),
    ]
    steps.add(Code(steps.choose(*code)) if steps.in_code() else nn.Flatten())
    if steps.boolean():
        batch_norm(steps)
    if steps.code and steps.boolean():
        steps.add(Code(lambda m, x: torch.cat((x, m.fc(x)), dim=-1), fc=nn.Linear(count, 2)))
    for units in steps.choose([], [steps.integer(1, 7)], [steps.integer(1, 7), steps.integer(2, 5)]):
        linear = nn.Linear(steps.shape[0], units, bias=steps.boolean())
        if steps.in_code():
            steps.add(Code(lambda m, x: F.linear(x, m.weight, m.bias), weight=linear.weight, bias=linear.bias))
        else:
            steps.add(linear)
        if steps.boolean():
            batch_norm(steps)
        if steps.boolean():
            steps.relu()


STEPS = [
    *(convolution, convolution, batch_norm, max_pool, average_pool, adaptive_pool, padded, response_norm, nothing, arithmetic),
    *(concatenated, added, dense),
]
ENDS = [lambda steps: None, means, classifier]


@st.composite
def modules(draw):
    """(module, shape (H, W, C), whether something may be folded into its weights): Sequentials, or a class with code."""
    steps = Steps(draw, code=draw(st.booleans()))
    convolution(steps)
    least = draw(st.integers(2, 7))
    while len(steps.steps) < least:
        draw(st.sampled_from(STEPS))(steps)
    draw(st.sampled_from(ENDS))(steps)
    if len(steps.shape) == 1 and draw(st.booleans()):
        softmax = nn.Softmax(dim=draw(st.sampled_from([1, -1])))
        steps.add(Code(lambda _, x: F.softmax(x, dim=1)) if steps.in_code() else softmax)
    if steps.code:
        module = Chain(steps.steps)
    else:
        cut = draw(st.integers(1, len(steps.steps)))
        module = nn.Sequential(nn.Sequential(*steps.steps[:cut]), *steps.steps[cut:])
    channels, height, width = steps.input
    return module, (height, width, channels), steps.scaled
