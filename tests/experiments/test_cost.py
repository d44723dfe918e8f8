"""What a model costs, counted by hand."""

from hump.experiments import cost
from hump.training import fit


def test_what_a_linear_layer_and_a_convolution_cost(data, params):
    net = fit.build(data["study"], params, seed=0)
    mac = cost.multiply_adds(net, mfcc_rate=100, seconds=1.0)

    config = net.config
    steps, frames, d = (50 - 10) // 4 + 1, 50, config.width
    lstm = sum(2 * 4 * (d // 2) * (n + d // 2) * steps for n in (39, d))
    prosody = sum(n * d + d * d for n in config.families)
    front = frames * config.layers * config.hubert_width * d + (steps + 2) * d * d * 12
    fed = 2 * d * config.feed_forward

    def block(queries, keys):
        return (2 * queries + 2 * keys) * d * d + 2 * queries * keys * d + queries * fed

    k = len(config.families)
    stages = block(k, steps) + block(steps, k) + block(steps, k + steps) + block(k + steps, steps)
    assert mac == front + lstm + prosody + stages + 4 * d * d
    assert cost.parameters(net) == sum(w.numel() for w in net.parameters())
