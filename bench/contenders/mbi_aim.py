"""AIM on mbi: marginals chosen one after another under privacy, and a graphical model of them.

mbi is the authors' estimator; their AIM is a script beside it and in no package, so that this is
our own after the paper (McKenna, Mullins, Sheldon and Miklau, "AIM: an adaptive and iterative
mechanism for differentially private synthetic data", 2022), with all pairs as its workload. Noise
is Gaussian, choices are by the exponential mechanism, and what both spend is counted in zCDP. Where
the time for fitting would end before the budget does, each further round may spend more of it: how
many rounds there is time for is known from those before, not from the rows.
"""

import itertools
import math
import time
import warnings

import numpy as np
from bins import Bins
from protocol import run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jax

    jax.config.update("jax_enable_x64", True)
    import mbi
    from mbi import junction_tree

MODEL_MB = 4.0
"""Size of the whole model; a round may have the share of it that is spent of the budget."""
ROUNDS = 16
"""Rounds for each column, at first; where a marginal told little, the rounds after spend more."""
STEPS = 500
CANDIDATES = 32
"""Pairs that a round chooses among, drawn whatever the rows are: looking at all takes long."""


def rho_of(epsilon, delta):
    """Return the zCDP that keeps (epsilon, delta), by bisection.

    Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", 2020, Cor. 13.
    """

    def lost(rho):
        best = 1.0
        for alpha in np.geomspace(1.0001, 2000, 4000):
            power = (alpha - 1) * (alpha * rho - epsilon) + alpha * math.log1p(-1 / alpha)
            best = min(best, math.exp(min(power, 50.0)) / (alpha - 1))
        return best

    low, high = 0.0, epsilon + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lost(middle) <= delta else (low, middle)
    return low


class Aim:
    """One run: what has been measured, what is left of the budget, and the model so far."""

    def __init__(self, task, levels, sizes):
        self.task = task
        self.domain = mbi.Domain(list(sizes), list(sizes.values()))
        self.data = mbi.Dataset({n: levels[n].to_numpy() for n in sizes}, self.domain)
        # Noise of data that must not be told from its neighbours: never seeded.
        self.random = np.random.default_rng()
        self.rho = rho_of(task.options["epsilon"], task.options["delta"])
        self.spent = 0.0
        self.measured = []
        self.model = None
        self.exact = {}

    def counts(self, clique):
        """Return the real counts of a marginal, kept for the next round."""
        if clique not in self.exact:
            self.exact[clique] = np.asarray(self.data.project(clique).datavector())
        return self.exact[clique]

    def measure(self, clique, sigma):
        """Measure a marginal with Gaussian noise, whose sensitivity is 1, and pay for it."""
        counts = self.counts(clique)
        noisy = counts + self.random.normal(0.0, sigma, counts.size)
        self.measured.append(mbi.LinearMeasurement(noisy, clique, stddev=float(sigma)))
        self.spent += 0.5 / sigma**2

    def estimate(self):
        """Fit the model to all that was measured."""
        self.model = mbi.estimation.MirrorDescent().estimate(
            self.domain, self.measured, iters=STEPS, warm_start=self.model
        )

    def fitted(self, clique):
        """Return the model's counts of a marginal."""
        return np.asarray(self.model.project(clique).datavector())

    def choose(self, pairs, sigma, epsilon):
        """Return a pair by the exponential mechanism, and pay for the choice.

        A score is what the model gets wrong, less what noise alone would make of it.
        """
        cells = {p: self.domain.size(p) for p in pairs}
        scores = np.array(
            [
                np.abs(self.counts(p) - self.fitted(p)).sum()
                - math.sqrt(2 / math.pi) * sigma * cells[p]
                for p in pairs
            ]
        )
        weights = np.exp(epsilon / 2 * (scores - scores.max()))
        self.spent += epsilon**2 / 8
        return pairs[int(self.random.choice(len(pairs), p=weights / weights.sum()))]

    def room(self, pairs):
        """Return the pairs that leave the model small enough for the budget spent so far."""
        have = [m.clique for m in self.measured]
        most = MODEL_MB * self.spent / self.rho
        return [
            p
            for p in pairs
            if p in have or junction_tree.hypothetical_model_size(self.domain, [*have, p]) <= most
        ]

    def run(self):
        """Measure every column, then pair after pair, until the budget or the time is over."""
        names = list(self.domain)
        rounds = ROUNDS * len(names)
        sigma = math.sqrt(rounds / (2 * 0.9 * self.rho))
        epsilon = math.sqrt(8 * 0.1 * self.rho / rounds)
        for name in names:
            self.measure((name,), sigma)
        self.estimate()
        pairs = list(itertools.combinations(names, 2))
        took = done = 0
        last = False
        while pairs and not last and self.task.left_s() > took:
            left = self.rho - self.spent
            possible = max(1, self.task.left_s() // took) if took else math.inf
            if left / (0.5 / sigma**2 + epsilon**2 / 8) > possible:
                sigma = math.sqrt(possible / (2 * 0.9 * left))
                epsilon = math.sqrt(8 * 0.1 * left / possible)
            if left < 2 * (0.5 / sigma**2 + epsilon**2 / 8):
                last = True
                sigma, epsilon = math.sqrt(1 / (2 * 0.9 * left)), math.sqrt(8 * 0.1 * left)
            begun = time.perf_counter()
            room = self.room(pairs)
            if not room:
                break
            if len(room) > CANDIDATES:
                room = [room[at] for at in self.random.choice(len(room), CANDIDATES, replace=False)]
            pair = self.choose(room, sigma, epsilon)
            before = self.fitted(pair)
            self.measure(pair, sigma)
            self.estimate()
            moved = np.abs(self.fitted(pair) - before).sum()
            if moved <= sigma * math.sqrt(2 / math.pi) * self.domain.size(pair):
                sigma, epsilon = sigma / 2, 2 * epsilon
            took, done = max(took, time.perf_counter() - begun), done + 1
        self.task.note(f"{done} pairs, {min(1.0, self.spent / self.rho):.0%} of the budget")
        return self.model


def fit(task):
    bins = Bins(task, task.seed)
    return Aim(task, bins.encode(), bins.sizes).run(), bins


def sample(task, fitted, rows):
    model, bins = fitted
    made = model.synthetic_data(rows)
    levels = bins.frame.iloc[:0].reindex(range(rows))
    for name in bins.sizes:
        levels[name] = np.asarray(made.data[name])
    # Rows come sorted as the model draws them; order means nothing.
    return bins.decode(levels).sample(frac=1.0, random_state=task.seed)


if __name__ == "__main__":
    run(fit, sample, ["mbi", "jax", "pandas"])
