# /// script
# requires-python = ">=3.11"
# dependencies = ["jax[cpu]", "numpy"]
# ///
"""Golden values of AURA's numeric core, from an independent implementation in JAX (float64, automatic differentiation).

    pip install "jax[cpu]" && python tests/peers/aura/golden.py

writes golden.json beside itself. The equations are those of docs/method.md, written once more from the text; the tests in
src/model/peers.rs compare to 1e-5 relative. Nothing here is shared with the Rust code.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(20260)
sg = jax.lax.stop_gradient
out = {}


def draw(*shape, scale=1.0):
    # Values that f32 represents exactly, so that both sides start from the same numbers.
    return np.asarray(rng.normal(size=shape) * scale, dtype=np.float32).astype(np.float64)


def unit(x, axis=-1):
    return x / jnp.sqrt(jnp.sum(x * x, axis=axis, keepdims=True) + 1e-12)


def case(name, **values):
    out[name] = {
        key: {"shape": list(np.shape(v)), "data": [float(f"{x:.9g}") for x in np.ravel(np.asarray(v, dtype=np.float64))]}
        for key, v in values.items()
    }


def layer_norm(x):
    c = x - x.mean(-1, keepdims=True)
    return c / jnp.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)


def gelu(x):
    return 0.5 * x * (1.0 + jax.scipy.special.erf(x / jnp.sqrt(2.0)))


def off(k):
    return 1.0 - jnp.eye(k)


def hinge(x):
    return jnp.maximum(0.0, x)


def wmean(x, w):
    return (x * w).sum() / (w.sum() + 1e-9)


# ---------------------------------------------------------------- projector
B, D, H, d, O, P, Q = 5, 7, 6, 4, 3, 3, 2


def project(x, p, mask_in=1.0, mask_hidden=1.0):
    u = layer_norm(x)
    h = gelu((u * mask_in) @ p["w1"] + p["b1"]) * mask_hidden
    return h @ p["w2"] + p["b2"] + u @ p["skip"]


p = {
    "w1": draw(D, H, scale=0.5), "b1": draw(1, H, scale=0.3), "w2": draw(H, d, scale=0.5),
    "b2": draw(1, d, scale=0.3), "skip": draw(D, d, scale=0.4),
}
x, weight = draw(B, D, scale=2.0), draw(B, d)
mask_in = np.where(rng.random((B, D)) < 0.2, 0.0, 1.25)
mask_hidden = np.where(rng.random((B, H)) < 0.2, 0.0, 1.25)
objective = lambda p: (unit(project(x, p, mask_in, mask_hidden)) * weight).sum()
grads = jax.grad(objective)(p)
case("projector", x=x, mask_in=mask_in, mask_hidden=mask_hidden, weight=weight, **p,
     z=unit(project(x, p, mask_in, mask_hidden)), z_plain=unit(project(x, p)),
     **{f"grad_{k}": v for k, v in grads.items()})

xp = draw(B * P, D, scale=2.0)
pool = {"queries": draw(Q, d, scale=0.5), "pool_out": draw(Q * d, d, scale=0.4)}


def pooled(p, pool):
    t = project(xp, p).reshape(B, P, d)
    logits = jnp.sqrt(float(d)) * jnp.einsum("bpd,qd->bpq", unit(t), pool["queries"])
    logits = logits + pool.get("positions", 0.0)
    a = jax.nn.softmax(logits, axis=1)
    cat = jnp.einsum("bpq,bpd->bqd", a, t).reshape(B, Q * d)
    return unit(cat @ pool["pool_out"] + t.mean(1))


objective = lambda pool: (pooled(p, pool) * weight).sum()
grads = jax.grad(objective)(pool)
case("pooling", x=xp, **p, **pool, weight=weight, z=pooled(p, pool), **{f"grad_{k}": v for k, v in grads.items()})

# ---------------------------------------------------------------- task losses
N = 8


def ce(log_p, y):
    return -(log_p * y).sum(1).mean()


def ccc(a, b):
    ma, mb = a.mean(0), b.mean(0)
    cov = ((a - ma) * (b - mb)).mean(0)
    return 2 * cov / (((a - ma) ** 2).mean(0) + ((b - mb) ** 2).mean(0) + (ma - mb) ** 2 + 1e-9)


def va(yhat, y):
    return ((yhat - y) ** 2).mean() + (1 - ccc(yhat, y)).sum()


def au(yhat, y, known, w):
    yc = jnp.clip(yhat, 1e-6, 1 - 1e-6)
    bce = -(y * jnp.log(yc) + (1 - y) * jnp.log(1 - yc)) * w
    yh, yk = yhat * known, y * known
    dice = 1 - (2 * (yh * yk).sum(0) + 1) / ((yh ** 2).sum(0) + (yk ** 2).sum(0) + 1)
    return wmean(bce, known) + dice.mean()


labels = rng.integers(0, O, N)
one = np.eye(O)[labels]
logits = draw(N, O)
case("task_expression", y=one, logits=logits, loss_logits=ce(jax.nn.log_softmax(logits), one),
     grad_logits=jax.grad(lambda l: ce(jax.nn.log_softmax(l), one))(logits),
     loss_outputs=ce(jnp.log(jax.nn.softmax(logits)), one))
yv = np.tanh(draw(N, 2, scale=0.5)).astype(np.float32).astype(np.float64)
logits = draw(N, 2)
case("task_valence_arousal", y=yv, logits=logits, loss_logits=va(jnp.tanh(logits / 4), yv),
     grad_logits=jax.grad(lambda l: va(jnp.tanh(l / 4), yv))(logits),
     loss_outputs=va(jnp.tanh(logits / 4), yv), ccc=ccc(jnp.tanh(logits / 4), yv))
ya = (rng.random((N, O)) < 0.4).astype(float)
known = (rng.random((N, O)) < 0.8).astype(float)
ya = ya * known
wa = np.asarray([[0.5, 1.0, 1.5]])
logits = draw(N, O)
case("task_action_units", y=ya, known=known, weights=wa, logits=logits,
     loss_logits=au(jax.nn.sigmoid(logits), ya, known, wa),
     grad_logits=jax.grad(lambda l: au(jax.nn.sigmoid(l), ya, known, wa))(logits),
     loss_outputs=au(jax.nn.sigmoid(logits), ya, known, wa))

# ---------------------------------------------------------------- assignment and L^VAS, L^Assign
K = 6
E = np.asarray(unit(draw(K, d))).astype(np.float32).astype(np.float64)
z = np.asarray(unit(draw(N, d))).astype(np.float32).astype(np.float64)
T, gamma, beta, sigma = 0.1, 1.0, 0.7, 0.2
Ve = np.asarray(jax.nn.softmax(draw(K, O), axis=1)).astype(np.float32).astype(np.float64)
Vv = np.tanh(draw(K, 2)).astype(np.float32).astype(np.float64)
Va = np.asarray(jax.nn.sigmoid(draw(K, O))).astype(np.float32).astype(np.float64)
cos = z @ E.T
like_e = np.log(np.maximum(Ve, 1e-6))[:, labels].T
like_v = -((yv[:, None] - Vv[None]) ** 2).sum(-1) / (2 * sigma ** 2)
vc = np.clip(Va, 1e-6, 1 - 1e-6)
bern = ya[:, None] * np.log(vc)[None] + (1 - ya[:, None]) * np.log(1 - vc)[None]
like_a = (bern * known[:, None]).sum(-1) / np.maximum(known.sum(1), 1)[:, None]
alive = np.asarray([[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]])
dead = np.where(alive > 0, cos, -np.inf)
case("assignment", e=E, z=z, alive=alive, value_e=Ve, value_v=Vv, value_a=Va, y_e=one, y_v=yv, y_a=ya, known=known,
     p=jax.nn.softmax(cos / T, axis=1), p_alive=jax.nn.softmax(dead / T, axis=1),
     primal=dead.argmax(1), likelihood_e=like_e, likelihood_v=like_v, likelihood_a=like_a,
     target_e=(cos / T + gamma * like_e).argmax(1), target_v=(cos / T + gamma * like_v).argmax(1),
     target_a=(cos / T + gamma * like_a).argmax(1))

Wh, bh, s = draw(d, O, scale=0.5), draw(1, O, scale=0.2), 8.0


def vas(z, E, Wh, opened):
    e = E if opened else sg(E)
    prob = jax.nn.softmax(z @ e.T / T, axis=1)
    mix = prob @ e
    q = (mix + z - sg(z)) if opened else (z + sg(mix - z))
    head = ce(jax.nn.log_softmax(s * q @ Wh + bh), one)
    return head + ce(jnp.log(jnp.maximum(prob @ Ve, 1e-6)), one)


grads = {}
for name, opened in [("routed", False), ("open", True)]:
    gz, ge, gw = jax.grad(vas, argnums=(0, 1, 2))(z, E, Wh, opened)
    grads |= {f"{name}_z": gz, f"{name}_e": ge, f"{name}_w": gw}
case("vas", e=E, z=z, value=Ve, y=one, w=Wh, b=bh, loss=vas(z, E, Wh, False), **grads)

star = (cos / T + gamma * like_e).argmax(1)
pair = lambda z, E: (((sg(z) - E[star]) ** 2).sum(1).mean() + beta * ((z - sg(E[star])) ** 2).sum(1).mean())
gz, ge = jax.grad(pair, argnums=(0, 1))(z, E)
case("assign", e=E, z=z, star=star, loss=pair(z, E), grad_z=gz, grad_e=ge)

# ---------------------------------------------------------------- geometry
Kg = 9
Eg = np.asarray(unit(draw(Kg, d))).astype(np.float32).astype(np.float64)
Eg[1] = np.asarray(unit(Eg[0] + 0.1 * draw(d))).astype(np.float32)
Eg[4] = np.asarray(unit(Eg[3] + 0.05 * draw(d))).astype(np.float32)
aliveg = np.ones((1, Kg)); aliveg[0, 7] = 0
used = aliveg.copy(); used[0, 8] = 0
pairs = (used.T @ used) * np.asarray(off(Kg))
separation = lambda E: (hinge(E @ E.T - 0.9) * (aliveg.T @ aliveg) * off(Kg)).sum() / aliveg.sum()
case("separation", e=Eg, alive=aliveg, loss=separation(Eg), grad=jax.grad(separation)(Eg))
m, mdiv = 0.3, 0.95

mass = np.abs(draw(Kg, O)) + 0.1
size = mass.sum(1, keepdims=True)
Vg = (mass + 1.0 / O) / (size + 1.0)


def reg_expression(E):
    S = mass * used.T
    mu = unit((S / S.sum(0)).T @ E)
    iu = [(a, b) for a in range(O) for b in range(O) if a < b]
    inter = 2.0 / (O * (O - 1)) * sum(hinge(mu[a] @ mu[b] - m) for a, b in iu)
    cls = Vg.argmax(1)
    ks = [k for k in range(Kg) if used[0, k]]
    intra = sum(hinge(m - E[k] @ sg(mu[cls[k]])) for k in ks) / len(ks)
    same = [(i, j) for i in ks for j in ks if i != j and cls[i] == cls[j]]
    div = sum(hinge(E[i] @ E[j] - mdiv) for i, j in same) / len(same)
    return jnp.stack([inter, intra, div])


case("reg_expression", e=Eg, used=used, labels=mass, known=np.repeat(size, O, 1), value=Vg, parts=reg_expression(Eg),
     **{f"grad_{n}": jax.grad(lambda E, i=i: reg_expression(E)[i])(Eg) for i, n in enumerate(["between", "within", "diversity"])})

knownmass = np.abs(draw(Kg, O)) + 1.0
active = knownmass * np.asarray(jax.nn.sigmoid(draw(Kg, O, scale=2.0)))
active[3], active[4] = knownmass[3] * 0.9, knownmass[4] * 0.8
Vu = (active + 0.4) / (knownmass + 1.0)


def reg_units(E):
    S, R = active * used.T, (knownmass - active) * used.T
    plus, minus = unit((S / S.sum(0)).T @ E), unit((R / R.sum(0)).T @ E)
    inter = sum(hinge(plus[a] @ minus[a] - m) for a in range(O)) / O
    on = [(k, a) for k in range(Kg) for a in range(O) if used[0, k] and Vu[k, a] > 0.5]
    intra = sum(hinge(m - E[k] @ sg(plus[a])) for k, a in on) / len(on)
    pattern = Vu > 0.5
    same = [(i, j) for i in range(Kg) for j in range(Kg)
            if i != j and used[0, i] and used[0, j] and (pattern[i] == pattern[j]).all()]
    div = sum(hinge(E[i] @ E[j] - mdiv) for i, j in same) / len(same)
    return jnp.stack([inter, intra, div])


case("reg_action_units", e=Eg, used=used, labels=active, known=knownmass, value=Vu, parts=reg_units(Eg),
     **{f"grad_{n}": jax.grad(lambda E, i=i: reg_units(E)[i])(Eg) for i, n in enumerate(["between", "within", "diversity"])})

Vs = np.tanh(draw(Kg, 2, scale=0.4)).astype(np.float32).astype(np.float64)
Vs[1], Vs[4] = Vs[0] + 0.05, Vs[3] - 0.02
mv = 0.2


def reg_scores(E):
    attract = attract_w = repel = repel_w = div = near = 0.0
    for i in range(Kg):
        for j in range(Kg):
            if i == j or not (used[0, i] and used[0, j]):
                continue
            delta = np.abs(Vs[i] - Vs[j]).sum() / 2
            dist = 1 - E[i] @ E[j]
            if delta < mv:
                w = 1 - delta / mv
                attract, attract_w = attract + w * hinge(dist - mv), attract_w + w
                div, near = div + hinge(E[i] @ E[j] - mdiv), near + 1
            else:
                repel, repel_w = repel + delta / 2 * hinge(mv - dist), repel_w + delta / 2
    return jnp.stack([repel / repel_w, attract / attract_w, div / near])


case("reg_valence_arousal", e=Eg, used=used, value=Vs, parts=reg_scores(Eg),
     **{f"grad_{n}": jax.grad(lambda E, i=i: reg_scores(E)[i])(Eg) for i, n in enumerate(["between", "within", "diversity"])})

# ---------------------------------------------------------------- running counts
rho = 0.9
n0, S0, M0, c0, u0 = np.abs(draw(1, K)), np.abs(draw(K, O)), np.abs(draw(K, O)) + 1, draw(K, d), np.abs(draw(1, K))
n0[0, 2], c0_before = 0.0, c0.copy()
near = (z @ E.T)
near[:, 2] = -9
k_i = near.argmax(1)
ind = np.eye(K)[k_i]
n1 = rho * n0 + (1 - rho) * ind.sum(0)
c1 = np.where(n1.T > 1e-12, (rho * n0.T * c0 + (1 - rho) * ind.T @ z) / np.maximum(n1.T, 1e-12), c0)
case("counts", nearest=ind, z=z, y=ya, known=known, size0=n0, labels0=S0, known0=M0, mean0=c0, usage0=u0,
     size=n1, mean=c1, labels=rho * S0 + (1 - rho) * ind.T @ ya, known1=rho * M0 + (1 - rho) * ind.T @ known,
     usage=u0 + ind.sum(0),
     value=(rho * S0 + (1 - rho) * ind.T @ ya + 0.7 * 0.4) / (rho * M0 + (1 - rho) * ind.T @ known + 0.7))

# ---------------------------------------------------------------- contextualization
heads, k, M, f = 2, 3, 2, 2
c = {
    "kinds": draw(3, d, scale=0.3), "semantic": draw(M, d, scale=0.5),
    "norm1_w": 1 + draw(1, d, scale=0.1), "norm1_b": draw(1, d, scale=0.1),
    "norm2_w": 1 + draw(1, d, scale=0.1), "norm2_b": draw(1, d, scale=0.1),
    "qkv_w": draw(d, 3 * d, scale=0.5), "qkv_b": draw(1, 3 * d, scale=0.1),
    "out_w": draw(d, d, scale=0.5), "out_b": draw(1, d, scale=0.1),
    "up_w": draw(d, f * d, scale=0.5), "up_b": draw(1, f * d, scale=0.1),
    "down_w": draw(f * d, d, scale=0.5), "down_b": draw(1, d, scale=0.1),
    "gain1": np.full((1, d), 0.4), "gain2": np.full((1, d), 0.6),
}
top = np.argsort(-(z @ E.T), axis=1)[:, :k]


def block(x, c):
    h = layer_norm(x) * c["norm1_w"] + c["norm1_b"]
    q, kk, v = jnp.split(h @ c["qkv_w"] + c["qkv_b"], 3, axis=-1)
    heads_of = lambda t: t.reshape(*t.shape[:2], heads, d // heads)
    att = jax.nn.softmax(jnp.einsum("bihc,bjhc->bhij", heads_of(q), heads_of(kk)) / jnp.sqrt(d / heads), axis=-1)
    mixed = jnp.einsum("bhij,bjhc->bihc", att, heads_of(v)).reshape(x.shape)
    x = x + c["gain1"] * (mixed @ c["out_w"] + c["out_b"])
    h = layer_norm(x) * c["norm2_w"] + c["norm2_b"]
    return x + c["gain2"] * (gelu(h @ c["up_w"] + c["up_b"]) @ c["down_w"] + c["down_b"])


def context(zin, ein, c):
    tokens = jnp.concatenate([
        zin[:, None] + c["kinds"][0], jnp.broadcast_to(c["semantic"], (N, M, d)) + c["kinds"][1], ein + c["kinds"][2]], 1)
    x = unit(block(tokens, c))
    return x[:, 0], x[:, 1 + M:]


def contx(z, E, c, margin=0.3):
    zt, et = context(sg(z), sg(E)[top], c)
    score = jnp.einsum("bd,bkd->bk", zt, et) / T
    pt = jax.nn.softmax(score, axis=1)
    task = ce(jnp.log(jnp.maximum(jnp.einsum("bk,bko->bo", pt, Ve[top]), 1e-6)), one)
    gram = jnp.einsum("bid,bjd->bij", et, et)
    red = (hinge(gram - margin) * off(k)).sum() / (N * k * (k - 1))
    plain = jax.nn.log_softmax(jnp.einsum("bd,bkd->bk", z, sg(E)[top]) / T, axis=1)
    kl = (sg(pt) * (sg(jnp.log(pt)) - plain)).sum(1).mean()
    return jnp.stack([task, red, kl])


zt, et = context(z, E[top], c)
gz = jax.grad(lambda z: contx(z, E, c).sum())(z)
gc = jax.grad(lambda c: contx(z, E, c).sum())(c)
case("contextualization", z=z, e=E, top=top, value=Ve, y=one, **{f"c_{n}": v for n, v in c.items()},
     context_z=zt, context_e=et, parts=contx(z, E, c), grad_z=gz, **{f"grad_{n}": v for n, v in gc.items()})

# ---------------------------------------------------------------- AdamW with a row forgotten after the second step
lr, b1, b2, eps, wd = 0.05, 0.9, 0.999, 1e-8, 0.1
value, gs = draw(3, 2), [draw(3, 2) for _ in range(4)]
v, m1, m2, t = value.copy(), np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 1))
for step, g in enumerate(gs):
    t = t + 1
    m1, m2 = b1 * m1 + (1 - b1) * g, b2 * m2 + (1 - b2) * g * g
    v = v - lr * wd * v - lr * (m1 / (1 - b1 ** t)) / (np.sqrt(m2 / (1 - b2 ** t)) + eps)
    if step == 1:
        m1[1], m2[1], t[1] = 0, 0, 0
case("adamw", value=value, **{f"g{i}": g for i, g in enumerate(gs)}, result=v)

# ---------------------------------------------------------------- the whole objective, two steps, routed, expressions
xb = draw(N, D, scale=2.0)
theta = {"w1": p["w1"], "b1": p["b1"], "w2": p["w2"], "b2": p["b2"], "skip": p["skip"], "hw": Wh, "hb": bh, "e": E}
theta |= {f"c_{n}": v for n, v in c.items()}
prior = np.full((1, O), 1.0 / O)
state = {"n": np.full((1, K), 1.5), "S": np.abs(draw(K, O)) + 0.1, "u": np.zeros((1, K)), "c": E.copy()}
state["M"] = np.repeat(state["S"].sum(1, keepdims=True), O, 1)
state["n"] = state["S"].sum(1)[None]
decays = {"w1", "w2", "skip", "hw", "c_qkv_w", "c_out_w", "c_up_w", "c_down_w"}
lam, eps, wd, lr, rho = (1.1, 0.9, 0.8), 1e-2, 0.05, 0.02, 0.95
case("step_start", x=xb, y=one, **theta, size=state["n"], labels=state["S"], known=state["M"])
moments = {n: (np.zeros(np.shape(v)), np.zeros(np.shape(v))) for n, v in theta.items()}
for step in (1, 2):
    V = (state["S"] + prior) / (state["M"] + 1.0)
    Z = unit(project(xb, theta))
    like = np.log(np.maximum(V, 1e-6))[:, labels].T
    cosine = np.asarray(Z @ theta["e"].T)
    size = state["n"] + (1 - rho)
    crowded = 0.3 * np.log(size / size.mean())
    star, top = (cosine / T + like - crowded).argmax(1), np.argsort(-cosine, axis=1)[:, :k]

    def objective(th):
        Z = unit(project(xb, th))
        e = th["e"]
        prob = jax.nn.softmax(Z @ sg(e).T / T, axis=1)
        q = Z + sg(prob @ e - Z)
        L_vas = ce(jax.nn.log_softmax(s * q @ th["hw"] + th["hb"]), one) + ce(jnp.log(prob @ V), one)
        L_assign = ((sg(Z) - e[star]) ** 2).sum(1).mean() + beta * ((Z - sg(e[star])) ** 2).sum(1).mean()
        gram = e @ e.T
        L_dis = (hinge(gram - 0.5) * off(K)).sum() / K
        mu = unit((state["S"] / state["S"].sum(0)).T @ e)
        inter = (hinge(mu @ mu.T - m) * off(O)).sum() / (O * (O - 1))
        cls = V.argmax(1)
        intra = hinge(m - (e * sg(mu)[cls]).sum(1)).mean()
        same = (cls[:, None] == cls[None]) * off(K)
        div = wmean(hinge(gram - mdiv), same)
        L_arc = L_assign + L_dis + inter + intra + 0.1 * div
        cc = {n[2:]: v for n, v in th.items() if n.startswith("c_")}
        zt, et = context(sg(Z), sg(e)[top], cc)
        score = jnp.einsum("bd,bkd->bk", zt, et) / T
        pt = jax.nn.softmax(score, axis=1)
        task = ce(jnp.log(jnp.einsum("bk,bko->bo", pt, V[top])), one)
        red = (hinge(jnp.einsum("bid,bjd->bij", et, et) - 0.5) * off(k)).sum() / (N * k * (k - 1))
        plain = jax.nn.log_softmax(jnp.einsum("bd,bkd->bk", Z, sg(e)[top]) / T, axis=1)
        kl = (sg(pt) * (sg(jnp.log(pt)) - plain)).sum(1).mean()
        L_contx = task + red + kl
        total = lam[0] * L_vas + lam[1] * L_arc + lam[2] * L_contx
        return total, jnp.stack([total, L_vas, L_arc, L_assign, L_dis, inter + intra + 0.1 * div, L_contx])

    grads, parts = jax.grad(objective, has_aux=True)(theta)
    for n, g in grads.items():
        m1, m2 = moments[n]
        m1, m2 = 0.9 * m1 + 0.1 * g, 0.999 * m2 + 0.001 * g * g
        moments[n] = (m1, m2)
        decay = lr * wd * theta[n] if n in decays else 0.0
        theta[n] = theta[n] - decay - lr * (m1 / (1 - 0.9 ** step)) / (jnp.sqrt(m2 / (1 - 0.999 ** step)) + eps)
    theta["e"] = unit(theta["e"])
    ind = np.eye(K)[cosine.argmax(1)]
    state["n"] = rho * state["n"] + (1 - rho) * ind.sum(0)
    state["S"] = rho * state["S"] + (1 - rho) * ind.T @ one
    state["M"] = rho * state["M"] + (1 - rho) * ind.T @ np.ones((N, O))
    case(f"step_{step}", **theta, parts=parts, size=state["n"], labels=state["S"])

# ---------------------------------------------------------------- joining of archetypes
# Brute force from the definition: every candidate union is judged by its own list of samples.
N, K, d = 90, 14, 5
centres = np.asarray(unit(rng.normal(size=(6, d))))
which = rng.integers(0, 6, N)
z = np.asarray(unit(centres[which] + 0.25 * rng.normal(size=(N, d))), dtype=np.float32).astype(np.float64)
seeds = np.asarray(unit(z[rng.permutation(N)[:K - 1]]))
near = (z @ seeds.T).argmax(1)
near = np.where(near >= 7, near + 1, near)  # archetype 7 has no samples
classes = np.eye(3)[np.where(rng.random(N) < 0.8, which % 3, rng.integers(0, 3, N))]
scores = np.asarray(np.tanh(z[:, :2] + 0.2 * rng.normal(size=(N, 2))), dtype=np.float32).astype(np.float64)
units = (z[:, :3] + 0.3 * rng.normal(size=(N, 3)) > 0.1).astype(float)
seen = (rng.random((N, 3)) < 0.9).astype(float)


def distortion(rows):
    total = z[rows].sum(0)
    return (1.0 - z[rows] @ (total / np.linalg.norm(total))).sum()


def class_entropy(rows):
    share = classes[rows].mean(0)
    share = share[share > 0]
    return -len(rows) * (share * np.log(share)).sum()


def deviation(rows):
    return ((scores[rows] - scores[rows].mean(0)) ** 2).sum()


def unit_entropy(rows):
    total = 0.0
    for a in range(3):
        y = units[rows][seen[rows][:, a] > 0, a]
        for q in ([y.mean(), 1 - y.mean()] if len(y) else []):
            total -= len(y) * q * np.log(q) if q > 0 else 0.0
    return total / 3


def join(impurity, weight, tolerance):
    groups = {k: np.flatnonzero(near == k) for k in range(K) if (near == k).any()}
    everything = np.arange(N)
    home = {k: k for k in groups}
    while len(groups) > 2:
        best = None
        for i in sorted(groups):
            for j in sorted(groups):
                if i < j:
                    both = np.concatenate([groups[i], groups[j]])
                    cost = (distortion(both) - distortion(groups[i]) - distortion(groups[j])) / distortion(everything)
                    lost = impurity(both) - impurity(groups[i]) - impurity(groups[j])
                    cost = (cost + weight * lost / impurity(everything)) / (1 + weight)
                    if best is None or cost < best[0]:
                        best = (cost, i, j)
        cost, i, j = best
        if cost >= tolerance:
            break
        keep, gone = (j, i) if len(groups[j]) > len(groups[i]) else (i, j)
        groups[keep] = np.concatenate([groups[i], groups[j]])
        del groups[gone]
        home = {k: keep if v == gone else v for k, v in home.items()}
    return [home.get(k, -1) for k in range(K)]


case("merge", z=z, near=near, classes=classes, scores=scores, units=units, seen=seen,
     geometry=join(class_entropy, 0.0, 0.02), expression=join(class_entropy, 0.5, 0.02),
     valence_arousal=join(deviation, 0.7, 0.02), action_units=join(unit_entropy, 0.6, 0.025))

# ---------------------------------------------------------------- pooling that knows positions
start = out["pooling"]
load = lambda key: np.array(start[key]["data"]).reshape(start[key]["shape"])
B, D, H, d, O, P, Q = 5, 7, 6, 4, 3, 3, 2
xp, weight = load("x"), load("weight")
p = {k: load(k) for k in ("w1", "b1", "w2", "b2", "skip")}
pool = {"queries": load("queries"), "pool_out": load("pool_out"), "positions": draw(P, Q, scale=2.0)}
grads = jax.grad(lambda pool: (pooled(p, pool) * weight).sum())(pool)
case("pooling_by_position", x=xp, **p, **pool, weight=weight, z=pooled(p, pool),
     **{f"grad_{k}": v for k, v in grads.items()})

# ---------------------------------------------------------------- projector with constants beside the features
start = out["projector"]
x, weight, mask_in, mask_hidden = (load(key) for key in ("x", "weight", "mask_in", "mask_hidden"))
p = {"anchor_w1": draw(2, H, scale=0.5), "anchor_skip": draw(2, d, scale=0.4)}
p |= {key: load(key) for key in ("w1", "b1", "w2", "b2", "skip")}


def anchored(p):
    ones = jnp.ones((B, 1))
    wide = layer_norm(jnp.concatenate([x, ones, -ones], 1))
    keep = jnp.concatenate([mask_in, jnp.ones((B, 2))], 1)
    h = gelu((wide * keep) @ jnp.concatenate([p["w1"], p["anchor_w1"]]) + p["b1"]) * mask_hidden
    return unit(h @ p["w2"] + p["b2"] + wide @ jnp.concatenate([p["skip"], p["anchor_skip"]]))


grads = jax.grad(lambda p: (anchored(p) * weight).sum())(p)
case("projector_with_anchors", x=x, mask_in=mask_in, mask_hidden=mask_hidden, weight=weight, **p, z=anchored(p),
     **{f"grad_{k}": v for k, v in grads.items()})

path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(out, separators=(",", ":"), sort_keys=True) + "\n")
print(path, path.stat().st_size)
