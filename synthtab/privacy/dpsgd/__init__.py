"""The row generator trained by stochastic gradient descent with clipped gradients and noise.

The method is Abadi et al., "Deep learning with differential privacy", 2016. What is done here
beside it, and where: gradients per row at the price of ordinary ones (``clipping``), randomness and
its floating-point side (``noise``), a start from noisy counts (``warm``), positions that need no
learning (``weights``), steps and noise decided beforehand (``course``), the steps (``training``).
"""

from synthtab.privacy.dpsgd.course import Phase, PrivateConfig
from synthtab.privacy.dpsgd.fit import train_private

__all__ = ["Phase", "PrivateConfig", "train_private"]
