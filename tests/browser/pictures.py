"""Pictures of the console for the README: real runs of a stack that stands for as long as they take, some minute.

PYTHONPATH=tests .venv/bin/python -m browser.pictures docs/images
"""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from browser.chromium import options
from playwright.sync_api import sync_playwright
from support.data import labels, lines
from support.faulty import faults
from support.stack import standing

BANKING77 = files("dropforge_local.demo") / "data" / "banking77"
WIDTH, HEIGHT, MARGIN = 1000, 640, 12  # pixels
FAQ_JA = {
    "返品": "返品は到着から三十日以内に、購入履歴の画面からお申し込みください。",
    "配送料": "配送料は全国一律五百円で、五千円以上のご注文は無料です。",
    "パスワード": "パスワードを忘れたときは、ログイン画面の再設定からメールをお受け取りください。",
    "領収書": "領収書は注文の詳細画面から、いつでも発行できます。",
    "支払い方法": "支払い方法は、クレジットカード、銀行振込、コンビニ払いから選べます。",
    "住所の変更": "住所の変更は、発送の前であれば会員情報の画面からできます。",
    "在庫": "在庫は商品の画面に表示され、入荷の知らせをメールで受け取れます。",
    "ポイント": "ポイントは百円につき一点たまり、次のお買い物で使えます。",
    "退会": "退会は会員情報の画面から行え、残ったポイントは失効します。",
}
QUESTIONS = (
    *("{}について教えてください", "{}はどうすればよいですか", "{}のことで困っています", "{}の手続きを知りたい"),
    *("{}はどこで確かめられますか", "急ぎで{}の相談をしたいです", "{}が分かりません", "まだ{}ができていません"),
)


def banking(*, training: int, topics: int = 77) -> dict[str, bytes]:
    """Questions to a bank, with so many training labels, about so many of the topics."""
    kept = {f"i{number:02}" for number in range(topics)}
    found = {file.name: file.read_bytes() for file in BANKING77.iterdir()}
    for name in ("training_label.tsv", "test_label.tsv"):
        head, *rows = found[name].splitlines(keepends=True)
        found[name] = head + b"".join(row for row in rows if row.decode().split("\t")[1] in kept)
    head, *rows = found["training_label.tsv"].splitlines(keepends=True)
    return found | {"training_label.tsv": head + b"".join(rows[:: max(len(rows) // training, 1)])}


def japanese() -> dict[str, bytes]:
    """Answers of a shop, and how customers ask for them."""
    asked = [question.format(topic) for question in QUESTIONS for topic in FAQ_JA]
    pairs = [(f"q{number}", f"d{number % len(FAQ_JA)}", 1) for number in range(len(asked))]
    return {
        "tuning.yaml": b"base_model: text-multilingual-embedding-002\n",
        "corpus.jsonl": lines(
            [{"_id": f"d{n}", "title": title, "text": text} for n, (title, text) in enumerate(FAQ_JA.items())]
        ),
        "queries.jsonl": lines([{"_id": f"q{n}", "text": text} for n, text in enumerate(asked)]),
        "training_label.tsv": labels(pairs[::2]),
        "test_label.tsv": labels(pairs[1::2]),
    }


def take(into: Path, console: str, run: str) -> None:
    """The list of runs; of one of them what tuning changed, and its map; light and dark."""
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**(options() or sys.exit("There is no Chromium.")))
        for scheme, ending in (("light", ""), ("dark", "-dark")):
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            page.goto(console)
            page.screenshot(path=into / f"console-runs{ending}.png")
            page.goto(f"{console}/runs/{run}")
            end = page.locator(".gaining + p").bounding_box()
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": end["y"] + end["height"] + MARGIN}
            page.screenshot(path=into / f"console-run{ending}.png", full_page=True, clip=clip)
            page.locator("#map").screenshot(path=into / f"console-map{ending}.png")
        browser.close()


def main() -> None:
    """Drop, wait, take the pictures."""
    into = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as home, standing(Path(home)) as stack:
        settled = ("deployed", "withheld", "rejected", "failed")
        stack.drop("topics", banking(training=500))
        first = stack.until("topics", "deployed")
        stack.drop("support", banking(training=800, topics=30))
        stack.drop("faq-ja", japanese())
        broken = japanese()
        stack.drop("returns", broken | {"test_label.tsv": broken["test_label.tsv"].replace(b"d3", b"d33")})
        stack.drop("topics", banking(training=2310))
        shown = stack.until("topics", *settled, other_than=first.id)
        for name in ("support", "faq-ja", "returns"):
            stack.until(name, *settled)
        with faults(stack.url, {"operation.endpoints.deployModel": ["delay-for-60s x*"]}, everyone=True):
            stack.drop("cards", banking(training=400, topics=20))
            stack.until("cards", "deploying")
            take(into, stack.variables["DROPFORGE_CONSOLE_URL"], shown.id)


if __name__ == "__main__":
    main()
