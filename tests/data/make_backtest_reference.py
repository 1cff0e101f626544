#!/usr/bin/env python3
"""Writes the table of tests/backtest_reference.rs: bars, and the trades that strategies must make on them.

An independent reference for the engine. It follows the documented rules for fills inside a bar with whole lists, exact
decimals and the standard library, one order at a time, and shares nothing with the Rust code but the strategies' text.
Run it from anywhere; it writes next to itself, and the same bytes every time:

    python3 tests/data/make_backtest_reference.py

reads   backtest_reference_strategies.yaml
writes  backtest_reference_bars.csv, backtest_reference_runs.csv, backtest_reference_trades.csv

With a bar file as its argument (`open_time` in milliseconds), it prints the runs and trades on those bars instead.

Where the documents leave a choice, this is the one taken:

- A fill inside a bar has the bar's open as its time.
- Sizes are worked out at the order's own price, or at the close of the decision for a market order. A share of the
  equity or of the risk is cut to what the cash buys with slippage and taker fee on top; a fixed size that costs more is
  no order. At the fill, an entry is cut once more to what the cash buys at that price and fee, short or long.
- An entry rule in the other direction closes the position at the market and enters when it is closed, sized then.
  Both entry rules at once are none. An entry or exit rule against a waiting entry withdraws it.
- `bars_in_trade` is 1 at the first close after the entry. A cooldown of n bars blocks the closes 0 to n - 1 bars after
  that of the exit's bar, and an entry that waits for an exit.
- `expire_after` n: the order is withdrawn at the nth close after the one at which it was placed, before the rules of that
  close.
- Distances are worked out at the decision, shares of a price at the fill; a trailing stop in percent stays behind
  by a share of the best price. Prices round to the nearest tick, half away from zero; a trailing stop that follows
  rounds away from the market.
- A limit that arrives beyond the market slips like a market order, at most to its limit.
- Limits that the open jumps over are met before the open, the nearest first; then stops, then orders that arrive.
- Limits on losses are looked at when a bar closes. The drawdown halts for good, the day's loss until the next UTC day,
  to which a bar belongs that closes after midnight.
"""

import ast
import csv
import io
import random
import re
import sys
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path

HERE = Path(__file__).parent
NAME = "backtest_reference"
TICK, LOT = Decimal("0.01"), Decimal("0.00001")
CAPITAL = Decimal(10_000)
MINUTE, DAY = 60, 86_400
getcontext().prec = 60

# Strategy, fee of fills that waited, fee of fills that went to the market, slippage in basis points.
RUNS = [
    ("averages, long only", "0", "0", "0"),
    ("averages, long only", "0.001", "0.001", "1.5"),
    ("averages, reversing", "0", "0", "0"),
    ("averages, reversing", "0.0002", "0.0004", "2"),
    ("limit entries that expire", "0.0002", "0.0007", "1"),
    ("limit entries and limit exits", "0.0001", "0.0005", "3"),
    ("break-outs by stop orders", "0", "0", "0"),
    ("break-outs by stop orders", "0.0002", "0.0005", "2"),
    ("narrow stop and target", "0", "0", "0"),
    ("narrow stop and target", "0.0001", "0.0002", "1"),
    ("trailing stop in percent", "0", "0", "0"),
    ("trailing stop in percent", "0.0002", "0.0005", "0.7"),
    ("trailing stop at a distance", "0.0002", "0.0005", "1"),
    ("halted by drawdown", "0.0001", "0.0002", "0.5"),
    ("halted by a day's loss", "0.0001", "0.0002", "0.5"),
    ("five minutes under a quarter of an hour", "0.0002", "0.0005", "1"),
    ("five-minute limit orders", "0.0002", "0.0005", "1"),
]


# ── Bars ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Bar:
    def __init__(self, time, open, high, low, close, volume):
        self.time, self.open, self.high, self.low, self.close = time, open, high, low, close
        self.volume = volume

    def path(self):
        """open → nearer extreme → farther extreme → close; the low first when both are equally near."""
        if self.high - self.open < self.open - self.low:
            return [self.high, self.low, self.close]
        return [self.low, self.high, self.close]


def generate_bars(count=3_000, seed=20240101):
    """A random walk in ticks: calm and wild spells, gaps between close and open, long wicks, many ties, lost minutes."""
    draw = random.Random(seed)
    price, drift, spread, bars = 10_000, 0.0, 8.0, []
    for index in range(count):
        if index % 60 == 0:
            drift = draw.choice([-2.5, -1.0, 0.0, 0.0, 1.0, 2.5]) - (price - 10_000) / 800
            spread = draw.choice([3.0, 8.0, 8.0, 15.0, 30.0])
        gap = 0
        if draw.random() < 0.35:
            gap = round(draw.gauss(0, spread * draw.choice([0.3, 0.6, 1.0, 4.0])))
        open = price + gap
        close = open + round(draw.gauss(drift, spread))
        kind = draw.random()
        above = below = 0
        if kind < 0.10:  # no wicks: open and close are the extremes, or the bar is flat
            close = open if kind < 0.02 else close
        elif kind < 0.25:  # open exactly in the middle
            reach = abs(close - open) + round(abs(draw.gauss(0, spread)))
            above = reach - max(0, close - open)
            below = reach - max(0, open - close)
        else:
            above, below = (round(abs(draw.gauss(0, spread * draw.choice([0.3, 1.0])))) for _ in range(2))
        if draw.random() < 0.2:  # closes at a round price, where others have been
            close = round(close / 10) * 10
        high, low = max(open, close) + above, min(open, close) - below
        price = close
        if draw.random() < 0.01 or 0 <= index % 700 - 600 < 8:
            continue  # nothing was told about this minute
        numbers = [Decimal(ticks) * TICK for ticks in (open, high, low, close)]
        bars.append(Bar(1_704_088_800 + MINUTE * index, *numbers, Decimal(draw.randrange(1, 500))))
    return bars


def longer_bars(bars, seconds):
    """The complete bars of a longer timeframe."""
    groups = {}
    for bar in bars:
        groups.setdefault(bar.time - bar.time % seconds, []).append(bar)
    end = bars[-1].time + MINUTE
    return [
        Bar(
            start,
            group[0].open,
            max(bar.high for bar in group),
            min(bar.low for bar in group),
            group[-1].close,
            sum(bar.volume for bar in group),
        )
        for start, group in groups.items()
        if start + seconds <= end
    ]


# ── Strategies ───────────────────────────────────────────────────────────────────────────────────────────────────────


def split_flow(text):
    """`a: 1, b: f(2, 3)` → its two parts: commas inside brackets and quotes do not count."""
    parts, depth, quoted = [""], 0, False
    for letter in text:
        quoted ^= letter == '"'
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def read_value(text):
    text = text.strip()
    if text.startswith("{"):
        pairs = (part.split(":", 1) for part in split_flow(text[1:-1]))
        return {key.strip(): read_value(value) for key, value in pairs}
    return text.strip('"')


def read_document(text):
    root = {}
    levels = [(-1, root)]
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        key, value = line.strip().split(":", 1)
        while levels[-1][0] >= indent:
            levels.pop()
        if value.strip():
            levels[-1][1][key] = read_value(value)
        else:
            levels[-1][1][key] = {}
            levels.append((indent, levels[-1][1][key]))
    return root


def seconds_of(timeframe):
    return int(timeframe[:-1]) * {"m": 60, "h": 3_600}[timeframe[-1]]


def parse_expression(text, params):
    text = re.sub(r"\$(\w+)", lambda match: params[match[1]], text)
    text = re.sub(r"@\s*(\w+)", r"@ frame('\1')", text)
    text = re.sub(r"^(.*?)\?(.*):(.*)$", r"(\2) if (\1) else (\3)", text)
    text = re.sub(r"\bfalse\b", "False", text)
    return ast.parse(text.strip(), mode="eval").body


def sma(values, n):
    """A running sum, as TA-Lib has it: where the price is exactly on its average, the last bit decides."""
    out, total = [], 0.0
    for i, value in enumerate(values):
        total += value
        out.append(total / n if i + 1 >= n else None)
        if i + 1 >= n:
            total -= values[i + 1 - n]
    return out


def smoothed(values, n, factor):
    """Seeded with the mean of the first n defined values; then moves by a share of the difference."""
    out, seed, last = [], [], None
    for value in values:
        if value is None:
            out.append(None)
            continue
        if last is None:
            seed.append(value)
            last = sum(seed) / n if len(seed) == n else None
        else:
            last = last + (value - last) * factor
        out.append(last)
    return out


def rsi(values, n):
    changes = [None] + [after - before for before, after in zip(values, values[1:])]
    up = smoothed([None if c is None else max(c, 0.0) for c in changes], n, 1 / n)
    down = smoothed([None if c is None else max(-c, 0.0) for c in changes], n, 1 / n)
    return [None if u is None else (100 * u / (u + d) if u + d else 0.0) for u, d in zip(up, down)]


class Frame:
    """The expressions over the bars of one timeframe. Values are floats and booleans; None is undefined."""

    def __init__(self, base, seconds, definitions, params):
        self.base, self.seconds, self.params = base, seconds, params
        self.bars = base if seconds == MINUTE else longer_bars(base, seconds)
        self.definitions = definitions
        self.known = {
            name: [float(getattr(bar, name)) for bar in self.bars]
            for name in ("open", "high", "low", "close", "volume")
        }

    def parse(self, text):
        return parse_expression(text, self.params)

    def series(self, node):
        key = ast.dump(node)
        if key not in self.known:
            self.known[key] = self.compute(node)
        return self.known[key]

    def compute(self, node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            other = Frame(self.base, seconds_of(node.right.args[0].value), self.definitions, self.params)
            closes = [bar.time + other.seconds for bar in other.bars]
            values, out, index = other.series(node.left), [], -1
            for bar in self.bars:
                while index + 1 < len(closes) and closes[index + 1] <= bar.time + self.seconds:
                    index += 1
                out.append(values[index] if index >= 0 else None)
            return out
        if isinstance(node, ast.Call):
            return self.call(node.func.id, node.args)
        return [self.value(node, index, {}) for index in range(len(self.bars))]

    def call(self, name, arguments):
        number = lambda place: int(ast.literal_eval(arguments[place]))
        if name == "sma":
            return sma(self.series(arguments[0]), number(1))
        if name == "ema":
            return smoothed(self.series(arguments[0]), number(1), 2 / (number(1) + 1))
        if name == "rsi":
            return rsi(self.series(arguments[0]), number(1))
        if name == "atr":
            highs, lows, closes = (self.known[column] for column in ("high", "low", "close"))
            ranges = [None] + [
                max(high - low, abs(high - close), abs(low - close))
                for high, low, close in zip(highs[1:], lows[1:], closes)
            ]
            return smoothed(ranges, number(0), 1 / number(0))
        if name in ("highest", "lowest"):
            values, n = self.series(arguments[0]), number(1)
            best = max if name == "highest" else min
            return [None if i + 1 < n else best(values[i + 1 - n : i + 1]) for i in range(len(values))]
        if name in ("cross_above", "cross_below"):
            a, b = (self.series(argument) for argument in arguments)
            if name == "cross_below":
                a, b = b, a
            out = [None]
            for i in range(1, len(a)):
                some = None not in (a[i - 1], b[i - 1], a[i], b[i])
                out.append(a[i - 1] <= b[i - 1] and a[i] > b[i] if some else None)
            return out
        raise ValueError(name)

    def value(self, node, i, position):
        """The value at bar i; `position` has what only a run knows."""
        again = lambda child: self.value(child, i, position)
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, bool) else float(node.value)
        if isinstance(node, ast.Name):
            if node.id in position:
                return position[node.id]
            if node.id in self.definitions:
                return self.series(self.parse(self.definitions[node.id]))[i]
            return self.known[node.id][i]
        if isinstance(node, ast.Call) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)):
            return self.series(node)[i]
        if isinstance(node, ast.Subscript):
            back = int(node.slice.value)
            return self.series(node.value)[i - back] if i >= back else None
        if isinstance(node, ast.IfExp):
            condition = again(node.test)
            return None if condition is None else again(node.body if condition else node.orelse)
        if isinstance(node, ast.BoolOp):
            values = [again(child) for child in node.values]
            decides = isinstance(node.op, ast.Or)
            if decides in values:
                return decides
            return None if None in values else not decides
        left, right = (
            (again(node.left), again(node.comparators[0]))
            if isinstance(node, ast.Compare)
            else (again(node.left), again(node.right))
        )
        if left is None or right is None:
            return None
        operator = type(node.ops[0] if isinstance(node, ast.Compare) else node.op)
        return {
            ast.Lt: lambda: left < right,
            ast.LtE: lambda: left <= right,
            ast.Gt: lambda: left > right,
            ast.GtE: lambda: left >= right,
            ast.Add: lambda: left + right,
            ast.Sub: lambda: left - right,
            ast.Mult: lambda: left * right,
            ast.Div: lambda: left / right,
        }[operator]()


# ── The account and its orders ───────────────────────────────────────────────────────────────────────────────────────


def to_tick(value, rounding=ROUND_HALF_UP):
    return Decimal(value).quantize(TICK, rounding)


def amount(text, frame):
    """A distance: ("percent", share) or ("price", expression)."""
    if text is None:
        return None
    if text.endswith("%"):
        return ("percent", Decimal(text[:-1]) / 100)
    return ("price", frame.parse(text))


class Order:
    def __init__(self, number, kind, sign, quantity, price, role):
        self.number, self.kind, self.sign, self.quantity = number, kind, sign, quantity
        self.price, self.role = price, role  # role: entry, exit, protect
        self.arriving, self.expires = True, None
        self.trail = self.best = self.start = None
        self.distances = {}

    def trigger(self):
        """Where a stop is set off; a trailing one follows the best price."""
        if self.kind != "trail":
            return self.price
        kind, distance = self.trail
        level = self.best + self.sign * (self.best * distance if kind == "percent" else distance)
        if self.best == self.start:
            return to_tick(level)
        return to_tick(level, ROUND_CEILING if self.sign > 0 else ROUND_FLOOR)


class Run:
    def __init__(self, base, document, maker, taker, slippage):
        params = {name: value["default"] for name, value in document.get("params", {}).items()}
        self.frame = Frame(base, seconds_of(document["timeframe"]), document.get("let", {}), params)
        self.base = base
        self.maker, self.taker = Decimal(maker), Decimal(taker)
        self.slippage = Decimal(slippage) / 10_000
        rule = lambda side, way: self.frame.parse(document.get(side, {}).get(way, "false"))
        self.entry = {+1: rule("entry", "long"), -1: rule("entry", "short")}
        self.exit = {+1: rule("exit", "long"), -1: rule("exit", "short")}
        orders = document.get("orders", {})
        self.order_rules = {role: orders.get(role, {"type": "market"}) for role in ("entry", "exit")}
        risk = document["risk"]
        self.size = risk["size"]["method"], Decimal(risk["size"]["value"])
        self.distances = {
            name: amount(risk.get(name), self.frame) for name in ("stop_loss", "take_profit", "trailing_stop")
        }
        limit = lambda name: Decimal(risk[name][:-1]) / 100 if name in risk else None
        self.max_drawdown, self.max_daily_loss = limit("max_drawdown"), limit("max_daily_loss")
        self.cooldown = int(risk.get("cooldown", 0))

        self.cash, self.position = CAPITAL, Decimal(0)
        self.orders, self.numbers, self.reversal = [], 0, None
        self.trades, self.trade = [], None
        self.peak = self.day_start = self.equity = CAPITAL
        self.day, self.halted, self.halted_for_good = None, False, False
        self.bars_done, self.last_exit_bar, self.entry_bar = 0, None, None
        self.time = None

    # Orders.

    def expire(self, index):
        self.orders = [order for order in self.orders if order.expires is None or index < order.expires]

    def place(self, kind, sign, quantity, price, role):
        self.numbers += 1
        order = Order(self.numbers, kind, sign, quantity, price, role)
        self.orders.append(order)
        return order

    def fill(self, order, price, taker):
        """At `price`, before slippage; makes what follows from it."""
        if taker:
            worse = price * (1 + order.sign * self.slippage)
            price = to_tick(worse, ROUND_CEILING if order.sign > 0 else ROUND_FLOOR)
            if order.kind == "limit":
                price = order.sign * min(order.sign * price, order.sign * order.price)
        self.orders.remove(order)
        if order.role == "entry":
            costs = 1 + (self.taker if taker else self.maker)
            order.quantity = min(order.quantity, (self.cash / (price * costs)).quantize(LOT, ROUND_DOWN))
        fee = price * order.quantity * (self.taker if taker else self.maker)
        self.cash -= order.sign * price * order.quantity + fee
        self.position += order.sign * order.quantity
        if order.role == "entry":
            self.trade = {
                "side": "long" if order.sign > 0 else "short",
                "sign": order.sign,
                "quantity": order.quantity,
                "entry_time": self.time,
                "entry_price": price,
                "exit_time": None,
                "exit_price": None,
                "fees": fee,
                "pnl": None,
            }
            self.trades.append(self.trade)
            self.entry_bar = self.bars_done
            self.protect(order, price)
        else:
            trade = self.trade
            gain = trade["sign"] * (price - trade["entry_price"]) * trade["quantity"]
            fees = trade["fees"] + fee
            trade.update(exit_time=self.time, exit_price=price, fees=fees, pnl=gain - fees)
            self.trade = None
            self.last_exit_bar = self.bars_done
            self.orders = [other for other in self.orders if other.role == "entry"]
            reversal, self.reversal = self.reversal, None
            if reversal is not None and self.cooldown == 0:
                self.enter(*reversal)

    def protect(self, entry, price):
        def distance(name):
            rule = self.distances[name]
            if rule is None:
                return None
            return price * rule[1] if rule[0] == "percent" else entry.distances[name]

        sign, quantity = -entry.sign, entry.quantity
        away = distance("stop_loss")
        if away is not None:
            self.place("stop", sign, quantity, to_tick(price + sign * away), "protect")
        away = distance("take_profit")
        if away is not None:
            self.place("limit", sign, quantity, to_tick(price - sign * away), "protect")
        away = distance("trailing_stop")
        if away is not None:
            order = self.place("trail", sign, quantity, None, "protect")
            rule = self.distances["trailing_stop"]
            order.trail = rule if rule[0] == "percent" else ("price", away)
            order.best = order.start = price
        for order in self.orders:
            if order.role == "protect":
                order.arriving = False

    # One bar's path.

    def meet(self, bar):
        self.time = bar.time
        self.at_open(bar.open)
        here = bar.open
        self.follow(here)
        for there in bar.path():
            while True:
                met = self.first_met(here, there)
                if met is None:
                    break
                order, here = met
                self.follow(here, but=order)
                self.fill(order, here, taker=order.kind != "limit")
            here = there
            self.follow(here)
        for order in self.orders:
            order.arriving = False

    def follow(self, price, but=None):
        for order in self.orders:
            if order.kind == "trail" and order is not but:
                order.best = min(order.best, price) if order.sign > 0 else max(order.best, price)

    def at_open(self, price):
        while True:
            met = []
            for order in self.orders:
                beyond = order.kind != "market" and order.sign * (price - order.trigger())
                if order.kind == "market":
                    met.append((2, 0, order.number, order, price, True))
                elif order.kind == "limit" and beyond < 0:
                    if order.arriving:
                        met.append((3, 0, order.number, order, price, True))
                    else:  # the price came by on its way to the open, first at the nearest
                        met.append((0, -order.sign * order.price, order.number, order, order.price, False))
                elif order.kind in ("stop", "trail") and beyond >= 0:
                    met.append((1, 0, order.number, order, price, True))
            if not met:
                return
            order, at, taker = min(met, key=lambda item: item[:3])[3:]
            self.fill(order, at, taker)

    def first_met(self, here, there):
        """The order that the price comes to first between two points, and where."""
        way = 1 if there > here else -1
        met = []
        for order in self.orders:
            if order.kind == "market":
                continue
            if order.kind == "limit":
                # Goes through: a buy on the way down, a sell on the way up.
                if order.sign == -way and way * (order.price - here) >= 0 and way * (there - order.price) > 0:
                    met.append((way * (order.price - here), 1, order.number, order, order.price))
                continue
            trigger = order.trigger()
            if order.sign * (here - trigger) >= 0:
                met.append((Decimal(0), 0, order.number, order, here))
            elif order.sign == way and way * (there - trigger) >= 0:
                met.append((way * (trigger - here), 0, order.number, order, trigger))
        if not met:
            return None
        return min(met, key=lambda item: item[:3])[3:]

    # The close.

    def mark(self, bar):
        day = (bar.time + MINUTE - 1) // DAY
        if day != self.day:
            self.day, self.day_start = day, self.equity
            self.halted = self.halted_for_good
        self.equity = self.cash + self.position * bar.close
        self.peak = max(self.peak, self.equity)
        if self.halted:
            return
        if self.max_drawdown is not None and self.peak - self.equity >= self.max_drawdown * self.peak:
            self.halted = self.halted_for_good = True
        if self.max_daily_loss is not None:
            self.halted |= self.day_start - self.equity >= self.max_daily_loss * self.day_start
        if self.halted:
            self.orders = []
            if self.position:
                self.place("market", -1 if self.position > 0 else 1, abs(self.position), None, "exit")

    def quantity_for(self, price, distances):
        """`price` is the order's own, or the close of the decision for a market order."""
        method, value = self.size
        equity = self.cash + self.position * price
        affordable = self.cash / (price * (1 + self.slippage) * (1 + self.taker))
        if method == "fixed_quantity":
            quantity = value
        elif method == "fixed_notional":
            quantity = value / price
        elif method == "percent_of_equity":
            quantity = min(equity * value / 100 / price, affordable)
        else:
            kind, share = self.distances["stop_loss"]
            away = price * share if kind == "percent" else distances["stop_loss"]
            quantity = min(equity * value / 100 / away, affordable)
        quantity = quantity.quantize(LOT, ROUND_DOWN)
        return quantity if quantity <= affordable else Decimal(0)

    def decide(self, index, bar):
        """The rules at the close of the strategy's bar `index`."""
        self.expire(index)
        if self.halted:
            return
        in_trade = index - self.entry_bar + 1 if self.trade else 0
        position = {"bars_in_trade": float(in_trade)}
        true = lambda node: self.frame.value(node, index, position) is True
        enters = [sign for sign in (1, -1) if true(self.entry[sign])]
        cooling = self.last_exit_bar is not None and index - self.last_exit_bar < self.cooldown
        wanted = enters[0] if len(enters) == 1 and not cooling else 0
        if self.position:
            side = 1 if self.position > 0 else -1
            if wanted == -side:
                self.orders = [order for order in self.orders if order.role != "exit"]
                self.reversal = self.intent(wanted, index, bar, position)
                self.place("market", -side, abs(self.position), None, "exit")
            elif true(self.exit[side]) and not any(order.role == "exit" for order in self.orders):
                price = self.order_price("exit", index, position)
                if price is not None or self.order_rules["exit"]["type"] == "market":
                    kind = self.order_rules["exit"]["type"]
                    order = self.place(kind, -side, abs(self.position), price, "exit")
                    order.expires = self.expiry("exit", index)
            return
        for order in list(self.orders):
            if true(self.exit[order.sign]) or wanted == -order.sign:
                self.orders.remove(order)
        if wanted and not self.orders:
            intent = self.intent(wanted, index, bar, position)
            if intent is not None:
                self.enter(*intent)

    def order_price(self, role, index, position):
        rule = self.order_rules[role]
        if rule["type"] == "market":
            return None
        price = self.frame.value(
            self.frame.parse(rule["stop_price" if rule["type"] == "stop" else "price"]), index, position
        )
        return None if price is None else to_tick(price)

    def expiry(self, role, index):
        rule = self.order_rules[role]
        if "expire_after" not in rule:
            return None
        return index + int(rule["expire_after"])

    def intent(self, sign, index, bar, position):
        """An entry as decided; its quantity is found when the account is flat."""
        price = self.order_price("entry", index, position)
        if price is None and self.order_rules["entry"]["type"] != "market":
            return None
        distances = {}
        for name, rule in self.distances.items():
            if rule is not None and rule[0] == "price":
                distance = self.frame.value(rule[1], index, position)
                if distance is None:
                    return None
                distances[name] = Decimal(distance)
        return sign, price, bar.close, distances, self.expiry("entry", index)

    def enter(self, sign, price, close, distances, expires):
        quantity = self.quantity_for(close if price is None else price, distances)
        if quantity > 0:
            order = self.place(self.order_rules["entry"]["type"], sign, quantity, price, "entry")
            order.distances, order.expires = distances, expires

    def run(self):
        for bar in self.base:
            # A bar whose last minutes are missing is over when a later minute comes.
            self.decide_before(bar.time)
            self.meet(bar)
            self.mark(bar)
            self.decide_before(bar.time + MINUTE)
        return self

    def decide_before(self, now):
        index = self.bars_done
        if index < len(self.frame.bars) and self.frame.bars[index].time + self.frame.seconds <= now:
            self.decide(index, self.frame.bars[index])
            self.bars_done = index + 1


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def plain(number):
    if number is None:
        return ""
    text = format(number + 0, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def csv_text(header, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def results(bars):
    documents = [read_document(text) for text in (HERE / f"{NAME}_strategies.yaml").read_text().split("\n---\n")]
    by_name = {document["name"]: document for document in documents}
    runs, trades = [], []
    for number, (name, *costs) in enumerate(RUNS, 1):
        run = Run(bars, by_name[name], *costs).run()
        runs.append([number, name, *costs, len(run.trades), plain(run.equity)])
        for trade in run.trades:
            numbers = [plain(trade[column]) for column in ("exit_price", "fees", "pnl")]
            row = [number, trade["side"], plain(trade["quantity"]), trade["entry_time"]]
            row += [plain(trade["entry_price"]), trade["exit_time"] or "", *numbers]
            trades.append(row)
    run_columns = "run,strategy,maker_fee_rate,taker_fee_rate,slippage_bps,trades,final_equity"
    trade_columns = "run,side,quantity,entry_time,entry_price,exit_time,exit_price,fees,pnl"
    return csv_text(run_columns.split(","), runs), csv_text(trade_columns.split(","), trades)


def main():
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            bars = [
                Bar(int(row["open_time"]) // 1_000, *(Decimal(row[c]) for c in ("open", "high", "low", "close", "volume")))
                for row in csv.DictReader(file)
            ]
        for text in results(bars):
            print(text)
        return
    bars = generate_bars()
    rows = [[bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in bars]
    columns = "open_time,open,high,low,close,volume".split(",")
    runs, trades = results(bars)
    for name, text in (("bars", csv_text(columns, rows)), ("runs", runs), ("trades", trades)):
        (HERE / f"{NAME}_{name}.csv").write_text(text)


if __name__ == "__main__":
    main()
