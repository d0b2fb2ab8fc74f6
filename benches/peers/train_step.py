# /// script
# requires-python = ">=3.11"
# dependencies = ["torch"]
# ///
"""The training step of AURA in PyTorch: forward, all losses, backward, AdamW, running counts.

    python benches/peers/train_step.py --device cuda --json
    python benches/peers/train_step.py --task action_units --outputs 12 --tokens 49 --batch 512
    python benches/peers/train_step.py --check tests/peers/aura/golden.json

The same arithmetic as `aura-bench bench train` with the defaults of a recipe (routed gradients, counted values), on the
same sizes, eager and through torch.compile; features lie on the device and batches are gathered there. --check runs two
steps from the golden start of the numeric tests and compares every loss and parameter, so that what is timed is the same
step. Optimizer, normalisations and one-hot products are PyTorch's own.
"""

import json
import sys

import torch
import torch.nn.functional as F

from common import options, run, seconds, with_memory


def unit(x):
    return x / torch.sqrt((x * x).sum(-1, keepdim=True) + 1e-12)


def wmean(x, w):
    return (x * w).sum() / (w.sum() + 1e-9)


def cross_entropy(log_p, y):
    return -(log_p * y).sum(1).mean()


def scores(yhat, y):
    """Squared error and 1 - CCC of every dimension."""
    mx, my = yhat.mean(0), y.mean(0)
    cx, cy = yhat - mx, y - my
    spread = cx.square().mean(0) + cy.square().mean(0) + (mx - my).square()
    return (yhat - y).square().mean() + (1 - 2 * (cx * cy).mean(0) / (spread + 1e-9)).sum()


def dice(yhat, y):
    return (1 - (2 * (yhat * y).sum(0) + 1) / (yhat.square().sum(0) + y.square().sum(0) + 1)).mean()


class Expression:
    """What the tasks do differently: losses of logits and of outputs, likelihood of labels, geometry by label."""

    @staticmethod
    def of_logits(x, y):
        return cross_entropy(F.log_softmax(x, 1), y)

    @staticmethod
    def of_outputs(yhat, y):
        return cross_entropy(yhat.clamp_min(1e-6).log(), y)

    @staticmethod
    def likelihood(value, y):
        return y @ value.clamp_min(1e-6).log().T

    @staticmethod
    def geometry(m, e, gram, value, used):
        s = m.s
        mass = m.labels * used
        total_mass = mass.sum(0)
        present = (total_mass > 1e-9).to(e.dtype)
        centres = unit((mass / (total_mass + 1e-9)).T @ e)
        inter = wmean(F.relu(centres @ centres.T - s.margin), present[:, None] * present[None] * m.off_o)
        own = F.one_hot(value.argmax(1), value.shape[1]).to(e.dtype)
        intra = wmean(F.relu(s.margin - e @ centres.detach().T), own * present * used)
        alike = own @ own.T * (used @ used.T) * m.off_k
        return inter + intra + s.diversity_weight * wmean(F.relu(gram - s.diversity_margin), alike)


class ValenceArousal:
    @staticmethod
    def of_logits(x, y):
        return scores(torch.tanh(x / 4), y)

    of_outputs = staticmethod(scores)

    @staticmethod
    def likelihood(value, y):
        squares = y.square().sum(1, keepdim=True) + value.square().sum(1)
        return (2 * y @ value.T - squares) / (2 * 0.2**2)

    @staticmethod
    def geometry(m, e, gram, value, used):
        s, margin = m.s, 0.2
        difference = (value[:, None] - value[None]).abs().mean(2)
        pairs = used @ used.T * m.off_k
        near, far = (difference < margin) * pairs, (difference >= margin) * pairs
        distance = 1 - gram
        attraction = wmean(F.relu(distance - margin), near * (1 - difference / margin))
        repulsion = wmean(F.relu(margin - distance), far * difference / 2)
        return repulsion + attraction + s.diversity_weight * wmean(F.relu(gram - s.diversity_margin), near)


class ActionUnits:
    @staticmethod
    def of_logits(x, y):
        return F.binary_cross_entropy_with_logits(x, y) + dice(torch.sigmoid(x), y)

    @staticmethod
    def of_outputs(yhat, y):
        return F.binary_cross_entropy(yhat.clamp(1e-6, 1 - 1e-6), y) + dice(yhat, y)

    @staticmethod
    def likelihood(value, y):
        value = value.clamp(1e-6, 1 - 1e-6)
        return (y @ value.log().T + (1 - y) @ (1 - value).log().T) / y.shape[1]

    @staticmethod
    def geometry(m, e, gram, value, used):
        s = m.s

        def centres(mass):
            total = (mass * used).sum(0)
            return unit((mass * used / (total + 1e-9)).T @ e), (total > 1e-9).to(e.dtype)

        positive, active = centres(m.labels)
        negative, inactive = centres((m.known - m.labels).clamp_min(0))
        inter = wmean(F.relu((positive * negative).sum(1) - s.margin), active * inactive)
        on = (value > 0.5).to(e.dtype)
        intra = wmean(F.relu(s.margin - e @ positive.detach().T), on * active * used)
        same = (on @ on.T + (1 - on) @ (1 - on).T > value.shape[1] - 0.5).to(e.dtype)
        alike = same * (used @ used.T) * m.off_k
        return inter + intra + s.diversity_weight * wmean(F.relu(gram - s.diversity_margin), alike)


TASKS = {"expression": Expression, "valence_arousal": ValenceArousal, "action_units": ActionUnits}


class Settings:
    """Defaults of [model], [loss] and [train]."""

    temperature, gamma, balance, beta, head_scale = 0.1, 1.0, 0.3, 1.0, 8.0
    margin, dissimilarity_margin, diversity_margin, diversity_weight = 0.3, 0.9, 0.95, 0.1
    lambdas = (1.0, 1.0, 1.0)
    top_k, heads, decay, prior_samples = 8, 4, 0.99, 1.0
    dropout = 0.2
    lr, betas, eps, weight_decay = 1e-3, (0.9, 0.999), 1e-8, 1e-2


# Parameters that weight decay applies to: the matrices of the networks.
DECAYS = {"w1", "w2", "skip", "hw", "queries", "pool_out", "c_qkv_w", "c_out_w", "c_up_w", "c_down_w"}


def start(dims, hidden, width, outputs, k, tokens, device, generator):
    """Parameters with the distributions that the program draws from."""

    def uniform(rows, cols):
        return (torch.rand(rows, cols, generator=generator) * 2 - 1) / rows**0.5

    def normal(rows, cols, deviation):
        return torch.randn(rows, cols, generator=generator) * deviation

    d = width
    theta = {
        "w1": uniform(dims, hidden), "b1": torch.zeros(1, hidden), "w2": uniform(hidden, d), "b2": torch.zeros(1, d),
        "skip": uniform(dims, d), "hw": uniform(d, outputs), "hb": torch.zeros(1, outputs), "e": unit(normal(k, d, 1.0)),
        "c_kinds": normal(3, d, 0.5 / d**0.5), "c_semantic": normal(4, d, 0.5 / d**0.5),
        "c_norm1_w": torch.ones(1, d), "c_norm1_b": torch.zeros(1, d),
        "c_norm2_w": torch.ones(1, d), "c_norm2_b": torch.zeros(1, d),
        "c_qkv_w": uniform(d, 3 * d), "c_qkv_b": torch.zeros(1, 3 * d), "c_out_w": uniform(d, d), "c_out_b": torch.zeros(1, d),
        "c_up_w": uniform(d, 2 * d), "c_up_b": torch.zeros(1, 2 * d), "c_down_w": uniform(2 * d, d),
        "c_down_b": torch.zeros(1, d), "c_gain1": torch.full((1, d), 0.1), "c_gain2": torch.full((1, d), 0.1),
    }
    if tokens > 1:
        theta |= {"queries": normal(16, d, 1 / d**0.5), "pool_out": uniform(16 * d, d), "positions": normal(tokens, 16, 4.0)}
    return {name: value.to(device) for name, value in theta.items()}


class Step(torch.nn.Module):
    def __init__(self, theta, state, prior, settings, task=Expression):
        super().__init__()
        self.task = task
        self.theta = torch.nn.ParameterDict({name: torch.nn.Parameter(value) for name, value in theta.items()})
        for name, value in state.items():
            self.register_buffer(name, value)
        self.register_buffer("prior", prior)
        k, o = theta["e"].shape[0], theta["hw"].shape[1]
        self.register_buffer("off_k", 1 - torch.eye(k, device=prior.device))
        self.register_buffer("off_o", 1 - torch.eye(o, device=prior.device))
        self.register_buffer("off_top", 1 - torch.eye(settings.top_k, device=prior.device))
        self.s = settings

    def project(self, x):
        t = self.theta
        u = F.layer_norm(x, x.shape[-1:], eps=1e-5)
        h = F.gelu(F.dropout(u, self.s.dropout) @ t["w1"] + t["b1"])
        return unit(self.pool(F.dropout(h, self.s.dropout) @ t["w2"] + t["b2"] + u @ t["skip"]))

    def pool(self, x):
        """One vector a sample from its projected tokens."""
        t = self.theta
        if "queries" not in t:
            return x
        (p, q), d = t["positions"].shape, x.shape[1]
        tokens = x.reshape(-1, p, d)
        weights = F.softmax((unit(x) @ t["queries"].T * d**0.5).reshape(-1, p, q) + t["positions"], 1)
        return (weights.transpose(1, 2) @ tokens).reshape(-1, q * d) @ t["pool_out"] + tokens.mean(1)

    def context(self, z, e):
        t, (b, k, d) = self.theta, e.shape
        m = t["c_semantic"].shape[0]
        semantic = (t["c_semantic"] + t["c_kinds"][1]).expand(b, m, d)
        x = torch.cat([z[:, None] + t["c_kinds"][0], semantic, e + t["c_kinds"][2]], 1)
        norm = lambda x, n: F.layer_norm(x, (d,), t[f"c_{n}_w"][0], t[f"c_{n}_b"][0], 1e-5)
        heads = self.s.heads
        q, key, v = (norm(x, "norm1") @ t["c_qkv_w"] + t["c_qkv_b"]).chunk(3, -1)
        of = lambda y: y.reshape(b, -1, heads, d // heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(of(q), of(key), of(v)).transpose(1, 2).reshape(x.shape)
        x = x + t["c_gain1"] * (mixed @ t["c_out_w"] + t["c_out_b"])
        h = norm(x, "norm2")
        x = x + t["c_gain2"] * (F.gelu(h @ t["c_up_w"] + t["c_up_b"]) @ t["c_down_w"] + t["c_down_b"])
        x = unit(x)
        return x[:, 0], x[:, 1 + m:]

    def forward(self, x, y):
        """The total, the row of losses, and what the counts need."""
        s, t = self.s, self.theta
        z, e = self.project(x), t["e"]
        fixed = e.detach()
        weight = s.prior_samples * (1 - s.decay)
        value = (self.labels + self.prior * weight) / (self.known + weight)
        cosine = z @ fixed.T
        p = F.softmax(cosine / s.temperature, 1)
        q = z + (p @ fixed - z).detach()
        vas = self.task.of_logits(s.head_scale * q @ t["hw"] + t["hb"], y) + self.task.of_outputs(p @ value, y)

        scores = cosine.detach() / s.temperature + s.gamma * self.task.likelihood(value, y)
        size = self.size + (1 - s.decay)
        scores = scores - s.balance * (size / size.mean()).log()
        chosen = F.one_hot(scores.argmax(1), e.shape[0]).to(z.dtype) @ e
        assign = ((z.detach() - chosen) ** 2).sum(1).mean() + s.beta * ((z - chosen.detach()) ** 2).sum(1).mean()

        gram = e @ e.T
        dis = (F.relu(gram - s.dissimilarity_margin) * self.off_k).sum() / e.shape[0]
        used = (self.size > 1e-3).to(z.dtype).T
        reg = self.task.geometry(self, e, gram, value, used)
        arc = assign + dis + reg

        top = cosine.detach().topk(s.top_k, 1).indices
        near = fixed[top]
        zt, et = self.context(z.detach(), near)
        score = (et @ zt[:, :, None])[:, :, 0] / s.temperature
        pt = F.softmax(score, 1)
        task = self.task.of_outputs((pt[:, None] @ value[top])[:, 0], y)
        k = s.top_k
        redundancy = (F.relu(et @ et.transpose(1, 2) - s.dissimilarity_margin) * self.off_top).sum() / (len(z) * k * (k - 1))
        plain = F.log_softmax((near @ z[:, :, None])[:, :, 0] / s.temperature, 1)
        distil = (pt.detach() * (F.log_softmax(score, 1).detach() - plain)).sum(1).mean()
        contx = task + redundancy + distil

        a, b, c = s.lambdas
        total = a * vas + b * arc + c * contx
        row = torch.stack([total, vas, arc, assign, dis, reg, contx]).detach()
        return total, row, cosine.detach(), z.detach()

    @torch.no_grad()
    def count(self, cosine, z, y):
        s = self.s
        self.theta["e"].copy_(unit(self.theta["e"]))
        nearest = F.one_hot(cosine.argmax(1), cosine.shape[1]).to(z.dtype)
        counts = nearest.sum(0, keepdim=True)
        fresh, members = 1 - s.decay, nearest.T
        size = s.decay * self.size + fresh * counts
        sums = self.mean * (s.decay * self.size.T) + fresh * members @ z
        empty = (size.T <= 1e-12).to(z.dtype)
        self.mean.copy_(self.mean * empty + sums / (size.T + empty) * (1 - empty))
        self.labels.mul_(s.decay).add_(members @ y, alpha=fresh)
        self.known.mul_(s.decay).add_(members @ torch.ones_like(y), alpha=fresh)
        self.usage.add_(counts)
        self.size.copy_(size)


def optimizer(model, settings, fused):
    named = list(model.theta.items())
    groups = [
        {"params": [p for n, p in named if n in DECAYS], "weight_decay": settings.weight_decay},
        {"params": [p for n, p in named if n not in DECAYS], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=fused)


def train_step(model, forward, adam, x, y):
    total, row, cosine, z = forward(x, y)
    total.backward()
    adam.step()
    adam.zero_grad(set_to_none=True)
    model.count(cosine, z, y)
    return row


def check(path):
    """Two steps from the golden start; True if all agree."""
    golden = json.load(open(path))
    read = lambda case, name: torch.tensor(golden[case][name]["data"], dtype=torch.float64).reshape(golden[case][name]["shape"])
    begin = golden["step_start"]
    theta = {n: read("step_start", n) for n in begin if n not in {"x", "y", "size", "labels", "known"}}
    settings = Settings()
    settings.beta, settings.dissimilarity_margin, settings.lambdas, settings.dropout = 0.7, 0.5, (1.1, 0.9, 0.8), 0.0
    # The golden prior weighs as much as one whole sample, not as one fresh one.
    settings.top_k, settings.heads, settings.decay, settings.prior_samples = 3, 2, 0.95, 20.0
    settings.lr, settings.eps, settings.weight_decay = 0.02, 1e-2, 0.05
    k, o = theta["e"].shape[0], theta["hw"].shape[1]
    size = read("step_start", "size")
    state = {"size": size, "labels": read("step_start", "labels"), "known": read("step_start", "known"),
             "mean": theta["e"].clone(), "usage": torch.zeros_like(size)}
    model = Step(theta, state, torch.full((1, o), 1.0 / o, dtype=torch.float64), settings).double()
    adam = optimizer(model, settings, fused=False)
    x, y = read("step_start", "x"), read("step_start", "y")
    worst = 0.0
    for step in ("step_1", "step_2"):
        row = train_step(model, model, adam, x, y)
        found = {"parts": row, "size": model.size, "labels": model.labels} | {n: p.detach() for n, p in model.theta.items()}
        for name in golden[step]:
            want = read(step, name)
            difference = ((found[name] - want).abs().max() / want.abs().max().clamp_min(1e-9)).item()
            worst = max(worst, difference)
            if difference > 1e-5:
                print(f"{step} {name}: {difference:.1e}", file=sys.stderr)
    print(f"largest relative difference to the golden steps: {worst:.1e}")
    return worst <= 1e-5


def measure(arguments, compiled):
    device = torch.device(arguments.device)
    generator = torch.Generator().manual_seed(0)
    settings = Settings()
    n, o, k, p = arguments.samples, arguments.outputs, arguments.archetypes, arguments.tokens
    task = TASKS[arguments.task]
    # Half precision at rest, as a feature table is.
    table = torch.randn(n, p * arguments.dims, generator=generator).half().to(device)
    labels = F.one_hot(torch.randint(o, (n,), generator=generator), o).float().to(device)
    if task is ValenceArousal:
        labels = (torch.rand(n, o, generator=generator) * 2 - 1).to(device)
    if task is ActionUnits:
        labels = (torch.rand(n, o, generator=generator) < 1 / 3).float().to(device)
    theta = start(arguments.dims, arguments.hidden, arguments.width, o, k, p, device, generator)
    state = {"size": torch.ones(1, k), "labels": torch.rand(k, o, generator=generator), "known": torch.ones(k, o),
             "mean": theta["e"].clone(), "usage": torch.zeros(1, k)}
    state = {name: value.to(device) for name, value in state.items()}
    model = Step(theta, state, torch.full((1, o), 1.0 / o, device=device), settings, task)
    forward = torch.compile(model) if compiled else model
    adam = optimizer(model, settings, fused=device.type == "cuda")
    batches = -(-n // arguments.batch)
    bounds = [b * n // batches for b in range(batches + 1)]

    def epoch():
        order = torch.randperm(n, generator=generator).to(device)
        sums = torch.zeros(7, device=device)
        for b in range(batches):
            rows = order[bounds[b]:bounds[b + 1]]
            sums += train_step(model, forward, adam, table[rows].float().reshape(-1, arguments.dims), labels[rows])
        return sums

    warm, _ = seconds(device, epoch)
    taken, sums = seconds(device, lambda: [epoch() for _ in range(arguments.epochs)])
    if not torch.isfinite(sums[-1]).all():
        raise SystemExit("a loss is not a finite number")
    steps = batches * arguments.epochs
    found = {"samples_per_second": n * arguments.epochs / taken, "step_ms": taken / steps * 1e3, "warm_up_seconds": warm}
    return with_memory(found, device)


def main():
    parser = options(__doc__, samples=16384, dims=768, batch=256, outputs=7, archetypes=150, width=256, hidden=512, epochs=3,
                     tokens=1)
    parser.add_argument("--task", choices=list(TASKS), default="expression")
    parser.add_argument("--check", metavar="GOLDEN")
    arguments = parser.parse_args()
    if arguments.check:
        raise SystemExit(0 if check(arguments.check) else 1)
    run(arguments, measure, lambda m: f"{m['samples_per_second']:.0f} samples/s, {m['step_ms']:.3f} ms a step")


main()
