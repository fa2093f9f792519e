"""The grader's sentences, in the language of the class: a table, and nothing else.

In the code they stand in English, with {names} for what is filled in.
"""

_table = {}


def use(lang):
    """From now on say speaks this language."""
    global _table
    _table = LANGUAGES[lang]


def say(words, **values):
    return _table.get(words, words).format(**values)


CHINESE = {
    # The frame
    "right": "正确",
    "wrong": "错误",
    "not yet": "还没写",
    "remark: ": "提醒（不扣分）：",
    "note: ": "注意：",
    "; ": "；",
    " and ": " 和 ",
    ": ": "：",
    ", ": "、",
    "and more": "还有更多",
    ", line {line}": "，第 {line} 行",
    "line {line}": "第 {line} 行",
    " ({file}, line {line})": "（{file}，第 {line} 行）",
    "code cell {number}": "第 {number} 个代码单元格",
    "{points:g} of {of:g} points": "得 {points:g} 分，满分 {of:g} 分",
    "{n} files, {full} with all points. Right are:": "共 {n} 份，{full} 份满分。各部分正确的份数：",
    # What can't be graded, or written
    "Not graded: {n}": "没有评分的文件：{n} 个",
    "it doesn't end in .py or .ipynb": "扩展名不是 .py 或 .ipynb",
    "it is no file": "不是普通文件",
    "{name}: there is no such file": "{name}：没有这个文件",
    "; copy it first: {command}": "；请先复制一份：{command}",
    "{name} isn't written: {why}": "{name} 没有写入：{why}",
    # How a file runs
    "it ended the program (exit status {status})": "它结束了整个程序（退出状态 {status}）",
    "still running after {seconds} seconds": "{seconds} 秒后仍在运行",
    "{what} ends the program by exit()": "{what} 用 exit() 结束了程序",
    "{name}, line {line}: {why}; what comes later is read only for its definitions":
        "{name}，第 {line} 行：{why}；后面的内容只读取其中的定义",
    "{name} is defined twice ({first}; {second}); the last one is graded":
        "{name} 定义了两次（{first}；{second}）；按最后一个评分",
    "is it text, saved as UTF-8?": "是不是没有存成 UTF-8 的文本？",
    "{name}: expected a notebook of version 4": "{name}：应当是第 4 版格式的笔记本",
    # What is there, and what isn't
    "{method} is missing": "缺少 {method}",
    "{method} is missing; is {close} meant?": "缺少 {method}；{close} 是不是写错了名字？",
    "{method} isn't written yet": "{method} 还没写",
    "{name}: expected a class, got {got}": "{name}：应当是类，实际是 {got}",
    "{name}: expected a function, got {got}": "{name}：应当是函数，实际是 {got}",
    "{name} is inside {outer}: is it indented too far?": "{name} 在 {outer} 里：是不是缩进多了？",
    "{name} is imported from {module}; write it here": "{name} 是从 {module} 导入的；请自己写",
    "{name} is the library's; write it here": "{name} 是库里的；请自己写",
    "it is called {name}; expected {wanted}": "它的名字是 {name}，应当是 {wanted}",
    "is __init__ misspelt?": "是不是把 __init__ 拼错了？",
    "backward takes no dout; write backward(self, dout)": "请写 backward(self, dout)",
    # What came
    "{what}: expected {want}, got {got}": "{what}：应当是 {want}，实际是 {got}",
    "{what}: expected shape {want}, got {got}": "{what}：形状应当是 {want}，实际是 {got}",
    "{what}: got a {kind} of {n}; return {what} alone": "{what}：有 {n} 项的 {kind}；只返回 {what}",
    "{what}: expected an array, got a list; use np.array(...)":
        "{what}：应当是数组，实际是列表；请用 np.array(...)",
    "{what} is None": "{what} 是 None",
    "is a return missing?": "是不是少了 return？",
    "{what} raised {kind}: {text}": "{what} 出错，{kind}：{text}",
    "{name}, given {shapes},": "参数的形状是 {shapes} 时，{name}",
    "here W has shape {shape}": "这里 W 的形状是 {shape}",
    "params[{key!r}] afterwards": "调用之后的 params[{key!r}]",
    "x afterwards": "调用之后的 x",
    "loss for scores of 1000": "得分为 1000 时的 loss",
    # In which case
    "second batch: ": "第二个批：",
    "one sample: ": "只有一个样本时：",
    "images: ": "输入图像时：",
    "float32: ": "float32 时：",
    "x = 1000 and -1000: ": "x = 1000 和 -1000 时：",
    "dout = 2: ": "dout = 2 时：",
    "second update: ": "第二次更新：",
    "keys in another order: ": "键的顺序不同时：",
    "of two such layers, the first one's ": "同时使用两个这样的层时，第一个的 ",
    "f(x) = sum(x³): ": "f(x) = sum(x³)：",
    "f(x) = sum(x³) that reads x itself: ": "f(x) = sum(x³)，f 直接读取 x 时：",
    "f(x) = sum(|x - a|) at x = a: ": "f(x) = sum(|x - a|)，x = a 处：",
    "rows of scores 1000 apart: ": "各行得分相差 1000 时：",
    "a score of 1000 for a wrong class: ": "错误类别的得分是 1000 时：",
    "class numbers as labels t: ": "标签 t 是类别编号时：",
    # Causes, for all parts
    "every number is {factor} times what it should be": "每个数都是应有值的 {factor} 倍",
    "the sign is wrong": "符号反了",
    "that is of the batch before: is something not renewed?": "这是上一个批的：是不是没有更新？",
    "that of the batch before is added to it": "加上了上一个批的值",
    "that is the other's: keep in self what backward needs": "这是另一个层的：应当保存在 self 里",
    "{method} changes {name}, which isn't its own; use {name}.copy()":
        "{method} 改动了 {name}，而它不属于这个层；请用 {name}.copy()",
    "backward leaves nothing in self.{key}": "backward 没有把结果保存到 self.{key}",
    "is it in self.{name}?": "是不是存到 self.{name} 里了？",
    "backward leaves {key} to update": "backward 不应当改动 {key}，那是 update 的事",
    "exp overflows": "exp 溢出了",
    # Relu
    "x is returned as it was; negative numbers should become 0": "原样返回了 x；负数应当变成 0",
    "that is the smaller one of x and 0": "这是 x 和 0 中较小的那个",
    "that is 1 where x > 0; it should be x there": "x > 0 处得到的是 1；那里应当是 x",
    "at x = 0 it should be 0: take x > 0, not x >= 0": "x = 0 处应当是 0：用 x > 0，不是 x >= 0",
    "dout is returned as it was; it should be 0 where x <= 0": "原样返回了 dout；x <= 0 处应当是 0",
    "the mask is the wrong way round": "mask 反了",
    "the mask is made from dout; make it from x": "mask 是用 dout 做的；应当用 x",
    "dout is missing": "没有乘 dout",
    "that is x where x > 0; it should be dout there": "x > 0 处得到的是 x；那里应当是 dout",
    "dout is multiplied by out; the factor is 1 where x > 0": "dout 乘的是 out；x > 0 处应当乘 1",
    # Sigmoid
    "that is 1 / (1 + exp(x)): a minus is missing": "这是 1 / (1 + exp(x))：少了负号",
    "that is 1 / (1 - exp(-x)): a sign is wrong": "这是 1 / (1 - exp(-x))：有一个符号错了",
    "that is 1 / 1 + exp(-x): brackets are missing": "这是 1 / 1 + exp(-x)：少了括号",
    "the factor 1 - out is missing": "没有乘 1 - out",
    "the factor out is missing": "没有乘 out",
    "in out * (1 - out) out is needed, not x": "out * (1 - out) 里要用 out，不是 x",
    "in out * (1 - out) out is needed, not dout": "out * (1 - out) 里要用 out，不是 dout",
    "brackets are missing: out * (1 - out)": "少了括号：out * (1 - out)",
    "sigmoid is applied to out once more": "对 out 又做了一次 sigmoid",
    "dout is returned as it was": "原样返回了 dout",
    "that is the derivative of tanh, 1 - out²": "这是 tanh 的导数 1 - out²",
    # Affine
    "b is missing": "没有加 b",
    "that is x W^T + b: W should not be transposed": "这是 x W^T + b：W 不应当转置",
    "that is dout W: W should be transposed": "这是 dout W：W 应当转置",
    "dx should have the shape of x": "dx 的形状应当与 x 相同",
    "that is the transpose of x^T dout": "这是 x^T dout 的转置",
    "that is divided by N; add up over the batch": "多除了一次 N；应当把各个样本的加起来",
    "add up the rows of dout: axis=0": "应当把 dout 的各行加起来：axis=0",
    "all of dout is added up; add up its rows: axis=0": "这是整个 dout 的和；只加各行：axis=0",
    "that is the mean of the rows; add them up": "这是各行的平均；应当求和",
    "leave out keepdims": "不要 keepdims",
    # SoftmaxWithLoss
    "divide by the batch size N": "没有除以批大小 N",
    "it is divided by the batch size N twice": "除了两次批大小 N",
    "that is one number a sample; return their mean": "这是每个样本一个数；应当返回它们的平均",
    "add up over the classes, and return the mean over the batch": "应当对类别求和，再对批求平均",
    "the minus is missing": "少了负号",
    "softmax has the wrong axis; each row of y should sum to 1": "softmax 的轴错了；y 每行的和是 1",
    "are x and t swapped?": "x 和 t 是不是写反了？",
    "softmax is applied twice": "做了两次 softmax",
    "that is binary cross entropy; add up t * log(y) only": "这是二元交叉熵；只对 t * log(y) 求和",
    "t is missing: all classes count": "没有乘 t：所有类别都算进去了",
    "the logarithm is missing": "没有取对数",
    "the softmax is missing: that is the logarithm of x": "没有做 softmax：这是 x 的对数",
    "it is divided by the number of classes; divide by N": "除以的是类别数；应当除以 N",
    "it is divided by N C; divide by N": "除以的是 N C；应当除以 N",
    "the sign is wrong: y - t, not t - y": "符号反了：应当是 y - t，不是 t - y",
    "the sign is wrong: y - t, not t - y. And divide by N": "符号反了，应当是 y - t；还要除以 N",
    "t is missing: y - t": "没有减 t：应当是 y - t",
    "that is dL/dy = -t / y; go on to dL/dx": "这是 dL/dy = -t / y；还要继续求 dL/dx",
    "leave out the factor y (1 - y)": "不要乘 y (1 - y)",
    "before exp subtract from each row its own largest score": "exp 之前，每一行先减去该行的最大值",
    "the loss has shape {shape}; expected one number": "loss 的形状是 {shape}；应当是一个数",
    "the loss is {got} instead of {want}; is 1e-7, or so, added to y?":
        "loss 是 {got}，不是 {want}；是不是给 y 加了 1e-7 之类的数？",
    "backward takes no notice of its dout": "backward 没有用到 dout",
    # numerical_gradient
    "it is divided by h; divide by 2h": "除以的是 h；应当除以 2h",
    "divide by 2h": "没有除以 2h",
    "that is (...) / 2 * h: brackets are missing, (...) / (2 * h)":
        "这是 (...) / 2 * h：少了括号，应当是 (...) / (2 * h)",
    "the sign is wrong: f(x + h) - f(x - h)": "符号反了：应当是 f(x + h) - f(x - h)",
    "f reads x itself, so change x in place, not a copy": "f 直接读取 x，要就地改动 x，不是副本",
    "every entry is 0: does x change between two calls of f, and is grad filled in?":
        "每个元素都是 0：两次调用 f 之间 x 变了吗？结果写进 grad 了吗？",
    "only the first entry is right: is return inside the loop?":
        "只有第一个元素是对的：return 是不是写在循环里了？",
    "only the last entry is right: is a new grad made inside the loop?":
        "只有最后一个元素是对的：是不是在循环里重新建立了 grad？",
    "that is a backward difference: use (f(x + h) - f(x - h)) / 2h":
        "这是后向差分：应当用 (f(x + h) - f(x - h)) / 2h",
    "that is a forward difference: use (f(x + h) - f(x - h)) / 2h":
        "这是前向差分：应当用 (f(x + h) - f(x - h)) / 2h",
    "the second step ends at x: from x + h go back by 2h": "第二步停在 x：从 x + h 要退回 2h",
    "the step is too large; use h = 1e-4": "步长太大；请用 h = 1e-4",
    "put each old value back": "每个元素改动之后都要还原",
    "x is as before but for rounding; put the old value back": "x 有舍入误差；请写回原来的值",
    # predict and gradient
    "a Relu too many: the scores are what Affine2 returns": "多了一个 Relu：得分是 Affine2 的输出",
    "these are probabilities; return scores, without softmax": "这是概率；请返回得分，不做 softmax",
    "Relu1 is left out": "漏掉了 Relu1",
    "that is chapter 4's: use Relu, and no softmax": "这是第 4 章的：这里用 Relu，不做 softmax",
    "that is what Affine1 returns; go on to the end": "这是 Affine1 的输出；要一直算到最后",
    "that is the class; return the scores": "这是类别；应当返回得分",
    "no layer's {method} is called": "没有调用任何层的 {method}",
    "what {method} of {name} returns should be the {x} of the next layer":
        "{name} 的 {method} 的返回值应当是下一层的 {x}",
    "self.params was changed, and that isn't seen here: is something a copy?":
        "改了 self.params，这里却没有变：是不是有什么是副本？",
    "{method} is called for {came}; expected {expected}":
        "依次调用了 {came} 的 {method}；应当是 {expected}",
    "no forward of {name} before its backward: is self.loss(x, t) called first?":
        "{name} 反向传播之前没有做正向传播：先调用 self.loss(x, t) 了吗？",
    "lastLayer.backward gets {dout} as its dout; it should be 1":
        "lastLayer.backward 得到的 dout 是 {dout}；应当是 1",
    "{what}: expected numbers, got {got}": "{what}：应当是数，实际是 {got}",
    "{what}: expected a dict, got {kind}": "{what}：应当是字典，实际是 {kind}",
    "{what}: expected the keys {expected}, got {got}; without {missing}":
        "{what}：键应当是 {expected}，实际是 {got}；缺少 {missing}",
    "gradient only computes; leave the parameters as they are": "gradient 只做计算，不应当改动参数",
    "these are numerical gradients; use backward": "这是数值微分求出的梯度；请用 backward",
    "that is the array itself; take the layer's dW or db": "这是参数本身；应当用层的 dW 或 db",
    **{f"that is the gradient of {key}": f"这是 {key} 的梯度" for key in ("W1", "b1", "W2", "b2")},
    # update
    "it is unchanged": "它没有变",
    "the sign is wrong: subtract": "符号反了：应当减",
    "learning_rate is missing": "没有乘 learning_rate",
    "it doesn't depend on learning_rate": "它与 learning_rate 无关",
    "the gradient takes its place; subtract": "被换成了梯度；应当减去",
    "the step takes its place: write -=, not =-": "被换成了这一步的改变量：应当写 -=，不是 =-",
    "grad has its keys in another order: take grad[key]": "grad 的键的顺序不同：应当用 grad[key]",
    "params[{key!r}] is a new array; change that of the layers in place, as params[key] -= ...":
        "params[{key!r}] 是新的数组，层里还是旧的；请就地改动，例如 params[key] -= ...",
    "what is returned is right, but change params in place": "返回值是对的，但应当就地改动 params",
    "update changes grad": "update 改动了 grad",
}  # fmt: skip

LANGUAGES = {"en": {}, "zh": CHINESE}
