// Menus, theme, sidebar, tabs, confirmations and live parts. No inline script, no eval.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const phone = () => innerWidth < 1200;

  document.addEventListener("click", (event) => {
    const target = event.target;
    all("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(target)) menu.open = false;
    });
    if (target.closest("[data-sidebar]")) toggleSidebar();
    const theme = target.closest("[data-theme]");
    if (theme) {
      window.chooseTheme(theme.dataset.theme);
      markTheme();
    }
    const tab = target.closest("[data-tab]");
    if (tab) {
      event.preventDefault();
      openTab(tab.dataset.tab);
    }
    const copy = target.closest("[data-copy]");
    if (copy) copyText(copy);
    const row = target.closest("tr[data-link]");
    if (row && !target.closest("a, button, input, form, summary") && !String(getSelection())) {
      location.href = row.dataset.link;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      all("details[data-menu][open]").forEach((menu) => {
        menu.open = false;
        menu.querySelector("summary").focus();
      });
      document.documentElement.classList.remove("menu-open");
    }
  });

  function toggleSidebar() {
    const root = document.documentElement;
    if (phone()) root.classList.toggle("menu-open");
    else localStorage.setItem("sidebar", root.classList.toggle("narrow") ? "0" : "1");
  }

  function markTheme() {
    all("[data-theme]").forEach((one) =>
      one.setAttribute("aria-pressed", String(one.dataset.theme === window.wantedTheme())));
  }

  function openTab(name) {
    all("[data-panel]").forEach((panel) => { panel.hidden = panel.dataset.panel !== name; });
    all("[data-tab]").forEach((tab) => {
      const here = tab.dataset.tab === name;
      tab.classList.toggle("active", here);
      tab.setAttribute("aria-selected", String(here));
    });
    history.replaceState(null, "", `#${name}`);
  }

  function firstTab() {
    const panels = all("[data-panel]");
    if (!panels.length) return;
    const faulty = panels.find((panel) => panel.querySelector(".errors"));
    const named = panels.find((panel) => `#${panel.dataset.panel}` === location.hash);
    openTab((faulty || named || panels[0]).dataset.panel);
  }

  // A link to another tab of the page that is open already.
  addEventListener("hashchange", () => {
    const panel = all("[data-panel]").find((one) => `#${one.dataset.panel}` === location.hash);
    if (panel) openTab(panel.dataset.panel);
  });

  function copyText(button) {
    const source = document.querySelector(button.dataset.copy);
    const text = source.value ?? source.textContent;
    const done = () => {
      const word = button.querySelector("[data-word]") || button;
      const before = word.textContent;
      word.textContent = "Copied";
      setTimeout(() => { word.textContent = before; }, 1500);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text.trim()).then(done);
  }

  // While a question is open nothing replaces the form that it is about.
  const asking = () => document.getElementById("confirm")?.open;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (asking()) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (asking()) event.detail.shouldSwap = false;
  });

  // A form with data-confirm asks first, and says what will happen.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const asks = (button && button.dataset.confirm) ? button : form;
    if (!asks.dataset || !asks.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    const dialog = document.getElementById("confirm");
    document.getElementById("confirm-title").textContent = asks.dataset.confirm;
    document.getElementById("confirm-text").textContent = asks.dataset.confirmText || "";
    const yes = dialog.querySelector("[data-yes]");
    const no = dialog.querySelector("[data-no]");
    yes.textContent = asks.dataset.confirmYes || "Go on";
    no.textContent = asks.dataset.confirmNo || "Keep it";
    no.onclick = () => dialog.close();
    yes.onclick = () => {
      form.dataset.confirmed = "1";
      dialog.close();
      form.requestSubmit(button);
      delete form.dataset.confirmed;
    };
    dialog.showModal();
    no.focus();
  });

  // Sending twice is never meant.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    setTimeout(() => all("button", event.target).forEach((one) => { one.disabled = true; }), 0);
  });
  window.addEventListener("pageshow", () =>
    all("form button:disabled:not([data-off])").forEach((one) => { one.disabled = false; }));

  document.addEventListener("change", (event) => {
    const days = event.target.closest("[data-days]");
    if (days) {
      const custom = days.value === "custom";
      days.form.querySelector(".from-to").hidden = !custom;
      if (!custom) days.form.requestSubmit();
    }
    if (event.target.closest("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.closest("[data-kind], [data-kind-of]")) all("[data-kind]").forEach(showKind);
  });

  // Fields that only one kind needs: data-for="sms whatsapp".
  function showKind(select) {
    // A second list may say of what kind it is there: data-kind-of="sms".
    const finer = document.querySelector(`[data-kind-of="${CSS.escape(select.value)}"]`);
    const kind = finer ? finer.value : select.value;
    // Tabs stand before the form.
    all("[data-for]").forEach((part) => {
      part.hidden = !part.dataset.for.split(" ").includes(kind);
    });
  }

  // A live part that nobody sees asks for nothing, and none is replaced under an open menu.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.target;
    const poll = (part.getAttribute("hx-trigger") || "").startsWith("every");
    if (poll && (document.hidden || part.querySelector("details[open]"))) event.preventDefault();
  });

  document.addEventListener("DOMContentLoaded", () => {
    markTheme();
    firstTab();
    all("[data-kind]").forEach(showKind);
    // A page that answers a form has an address of its own, so that a reload sends nothing again.
    const here = document.querySelector("[data-address]");
    if (here) history.replaceState(null, "", here.dataset.address);
    const fault = document.querySelector(".field.errors input, .field.errors select, .field.errors textarea");
    if (fault) fault.focus();
  });
})();
