"""从空白写起的第 5 章：各个层、数值微分、网络和参数更新。

把每个 `raise NotImplementedError` 换成自己的代码，只需要 NumPy。[方括号] 里是书中的章节，公式就在
那里。先在纸上推导，并写下每个数组的形状。

N：批大小，每行一个样本                D、M：层的输入个数、输出个数
C：类别数                              L：损失，一个数

dout 是 dL/dout，即 L 关于 forward 输出的梯度，形状与这个输出相同。dx 是 dL/dx，形状与 x 相同。
forward 把 backward 需要的东西保存在 self 里，这样两个同类的层才不会共用它。forward 不改动 x 和 t，
因为它们不属于这个层。

    cp ch05/classroom/exercises.zh.py exercises.py             复制一份，写在这一份里
    python ch05/classroom/grade.py exercises.py --lang zh      说明哪里对、哪里不对
    python exercises.py                                        全部正确后，网络会学会 XOR（异或）
"""

from collections import OrderedDict

import numpy as np


class Relu:
    """对每个元素 out = max(x, 0)。x、out、dout、dx 形状相同，可以是任何形状。[5.5.1]"""

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """返回 dx。x = 0 处没有导数，取 0。"""
        raise NotImplementedError


class Sigmoid:
    """对每个元素 out = 1 / (1 + exp(-x))。x、out、dout、dx 形状相同，任何形状均可。[5.5.2]"""

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """返回 dx。"""
        raise NotImplementedError


class Affine:
    """对一个批计算 out = x W + b。[5.6.1, 5.6.2]

    x、dx : (N, D)     W、dW : (D, M)     b、db : (M,)     out、dout : (N, M)

    形状例如 (N, 1, 28, 28) 的图像先展开成 (N, 784)，dx 再恢复成图像的形状。
    """

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = None
        self.db = None

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        """把 dW 存到 self.dW，把 db 存到 self.db，返回 dx。"""
        raise NotImplementedError


class SoftmaxWithLoss:
    """最后一层：输入得分，输出损失。[5.6.3；softmax 3.5，交叉熵误差 4.2]

    x : 得分 (N, C)     t : 正确答案，one-hot 形式 (N, C)     dx : (N, C)

    y = softmax(x)，逐行计算；L 是 -sum(t * log(y)) 对整个批的平均，是一个数。得分可能大到 1000，
    exp 不能溢出。（如果 t 也能是类别编号 (N,)，就更好。）
    """

    def forward(self, x, t):
        """返回 L。"""
        raise NotImplementedError

    def backward(self, dout=1):
        """返回 dx。dout 是 dL/dL = 1；如果损失乘了一个数，就是这个数。"""
        raise NotImplementedError


def numerical_gradient(f, x):
    """对 x 的每个元素求 df/dx，用中心差分，h = 1e-4。[4.3, 4.4]

    f : 返回一个数的函数
    x : 任何形状的数组。返回值是同样形状的数组

    f 可能不看参数，而是直接读取 x，网络就是这样。所以要就地改动 x 的元素，一次一个，用完还原。
    """
    raise NotImplementedError


class TwoLayerNet:
    """Affine1、Relu1、Affine2，最后是 SoftmaxWithLoss。[5.7.2]"""

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {
            "W1": weight_init_std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers = OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        """返回 x 的得分 (N, C)：依次通过 self.layers 的所有层。"""
        raise NotImplementedError

    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)

    def gradient(self, x, t):
        """返回 {"W1": dL/dW1, "b1": ..., "W2": ..., "b2": ...}。

        先正向传播，一直算到损失；再反向传播，从 self.lastLayer 到第一层。
        """
        raise NotImplementedError


def update(params, grad, learning_rate):
    """梯度下降的一步：对每个键 W <- W - learning_rate * dW。[4.4, 5.7.4]

    params、grad : 键相同的字典，顺序可以不同。要就地改动 params 里的数组：各层持有的是同一些数组，
    必须能看到改动。
    """
    raise NotImplementedError


if __name__ == "__main__":
    np.random.seed(0)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    t = np.array([[1, 0], [0, 1], [0, 1], [1, 0]])  # XOR：两个输入不同则是类别 1
    network = TwoLayerNet(2, 8, 2, weight_init_std=1)
    for i in range(1001):
        update(network.params, network.gradient(x, t), learning_rate=0.3)
        if i % 200 == 0:
            print(f"update {i:4}  loss {network.loss(x, t):.4f}")
    print("right answers:", np.argmax(network.predict(x), axis=1) == np.argmax(t, axis=1))
