// Tabs of sample languages, copy buttons, the phone's menu, and where one is in the contents.
"use strict";
document.documentElement.classList.add("js");

function button(text, className) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.className = className;
  return made;
}

function copyButton(source) {
  const made = button("Copy", "copy");
  made.setAttribute("aria-live", "polite");
  made.addEventListener("click", async () => {
    const text = source().textContent;
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "Copied";
    } catch {
      // Without HTTPS there is no clipboard: the text is selected, to be copied by hand.
      getSelection().selectAllChildren(source());
      made.textContent = "Selected";
    }
    setTimeout(() => { made.textContent = "Copy"; }, 1600);
  });
  return made;
}

const groups = [];

function choose(language) {
  for (const tabs of groups) {
    for (const { tab, panel, name } of tabs) {
      const chosen = name === language;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
  }
  try { localStorage.setItem("docs-language", language); } catch { /* private window */ }
}

document.querySelectorAll(".samples").forEach((samples, number) => {
  const list = document.createElement("div");
  list.className = "tabs";
  const tabs = [...samples.children].map((panel, index) => {
    const name = panel.querySelector("h4").textContent;
    const tab = button(name, "");
    tab.id = `tab-${number}-${index}`;
    panel.id = `panel-${number}-${index}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => {
      const before = tab.getBoundingClientRect().top;
      choose(name);
      scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
    });
    return { tab, panel, name };
  });
  const strip = document.createElement("div");
  strip.setAttribute("role", "tablist");
  strip.setAttribute("aria-label", "Language");
  strip.append(...tabs.map(({ tab }) => tab));
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.findIndex(({ tab }) => tab === document.activeElement);
    if (step && at >= 0) {
      const next = tabs[(at + step + tabs.length) % tabs.length];
      choose(next.name);
      next.tab.focus();
    }
  });
  list.append(strip, copyButton(() => tabs.find(({ panel }) => !panel.hidden).panel.querySelector("code")));
  samples.prepend(list);
  samples.classList.add("tabbed");
  groups.push(tabs);
});

document.querySelectorAll(".shown > .sample").forEach((sample) => {
  sample.querySelector("h4").append(copyButton(() => sample.querySelector("code")));
});

let known = "curl";
try { known = localStorage.getItem("docs-language") || known; } catch { /* private window */ }
if (groups.length) choose(groups[0].some(({ name }) => name === known) ? known : "curl");

const contents = document.getElementById("contents");
const menu = button("Contents", "menu");
menu.setAttribute("aria-controls", "contents");
function toggle(open) {
  contents.classList.toggle("open", open);
  menu.setAttribute("aria-expanded", String(open));
}
toggle(false);
menu.addEventListener("click", () => toggle(!contents.classList.contains("open")));
contents.addEventListener("click", (event) => { if (event.target.closest("a")) toggle(false); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") toggle(false); });
document.querySelector(".bar").append(menu);

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    contents.querySelector("[aria-current]")?.removeAttribute("aria-current");
    contents.querySelector(`a[href="#${entry.target.id}"]`)?.setAttribute("aria-current", "location");
  }
}, { rootMargin: "-80px 0px -70% 0px" });
document.querySelectorAll("article[id]").forEach((article) => watcher.observe(article));
