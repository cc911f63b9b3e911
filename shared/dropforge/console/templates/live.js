// Keeps a page up to date without a reload, and copies commands. Every page works without it.
"use strict";

const main = document.getElementById("main");
const live = document.getElementById("live");
const said = document.getElementById("said");
const SLOWEST = 60; // seconds between two looks while nobody answers
let tag = "";
let failures = 0;
let timer = 0;

const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
const isSame = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");
const isTheirs = (name) => name === "open"; // what people opened stays open

// Change only what differs, so that focus, selection and what is scrolled or opened stay. Ids tell pieces that move.
function become(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (!isElement(old)) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isTheirs(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !isTheirs(name)) old.setAttribute(name, value);
  }
  const wanted = new Set([...fresh.children].map((child) => child.id));
  let at = old.firstChild;
  const drop = () => {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  };
  for (const child of [...fresh.childNodes]) {
    while (at && at.id && !wanted.has(at.id)) drop();
    if (at && isSame(at, child)) {
      become(at, child);
      at = at.nextSibling;
      continue;
    }
    const known = child.id && [...old.children].find((each) => isSame(each, child));
    old.insertBefore(known || child, at);
    if (known) become(known, child);
  }
  while (at) drop();
}

async function look() {
  try {
    const answer = await fetch(location.href, {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal: AbortSignal.timeout(20000),
    });
    if (answer.status === 200) take(answer, await answer.text());
    else if (answer.status !== 304) throw new Error(answer.statusText);
    failures = 0;
  } catch {
    failures += 1;
  }
  show();
  wait();
}

function take(answer, text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("no page of ours");
  const says = fresh.dataset.says;
  if (says !== main.dataset.says) said.textContent = says;
  become(main, fresh);
  document.title = page.title;
  tag = answer.headers.get("ETag") || "";
}

function show() {
  const isLost = failures > 1;
  const text = isLost ? "Out of date: no answer, trying again" : "Live";
  if (isLost !== live.classList.contains("lost")) said.textContent = isLost ? text : "Up to date again";
  live.classList.toggle("lost", isLost);
  live.hidden = !main.dataset.live;
  if (live.textContent !== text) live.textContent = text;
}

function wait() {
  clearTimeout(timer);
  const seconds = Number(main.dataset.live);
  if (seconds && !document.hidden) timer = setTimeout(look, 1000 * Math.min(seconds * 2 ** failures, SLOWEST));
}

async function copy(button) {
  const command = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command);
    button.textContent = "Selected";
  }
  said.textContent = button.textContent;
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

document.documentElement.classList.add("scripted");
document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button);
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : main.dataset.live && look()));
show();
wait();
