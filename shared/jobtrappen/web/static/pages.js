// SPDX-License-Identifier: MPL-2.0
// What a page cannot do without a script: keep a draft while somebody types, take the focus to what is wrong, and send once.
(function () {
  "use strict";
  document.documentElement.classList.add("js");
  if (window.DKFDS) { window.DKFDS.init(); }

  var wrong = document.getElementById("errors") || document.getElementById("stale");
  if (wrong) { wrong.focus(); }

  document.querySelectorAll("form[data-draft]").forEach(function (form) {
    var timer = null, sent = false, last = "";
    function fields() {
      var data = new URLSearchParams(new FormData(form));
      data.delete("key"); data.delete("version");
      data.set("draft-of", form.dataset.draftOf);
      return data;
    }
    function keep() {
      timer = null;
      var data = fields(), text = data.toString();
      if (sent || text === last) { return; }
      last = text;
      fetch(form.dataset.draft, { method: "POST", body: data, credentials: "same-origin", keepalive: true })
        .then(function (answer) { form.dataset.kept = answer.ok ? "yes" : "no"; })
        .catch(function () { last = ""; });
    }
    last = fields().toString();
    form.addEventListener("input", function () { form.dataset.typed = "yes"; if (timer) { clearTimeout(timer); } timer = setTimeout(keep, 800); });
    window.addEventListener("pagehide", function () { if (timer) { clearTimeout(timer); keep(); } });
    form.addEventListener("submit", function (event) {
      if (sent) { event.preventDefault(); return; }
      sent = true;
      if (timer) { clearTimeout(timer); }
    });
    window.addEventListener("pageshow", function () { sent = false; });
  });

  // The other language in the middle of a form: what is typed goes along.
  document.querySelectorAll(".jt-language").forEach(function (language) {
    language.addEventListener("submit", function () {
      var form = document.querySelector("form[data-typed]"), text = {};
      if (!form) { return; }
      new FormData(form).forEach(function (value, name) { (text[name] = text[name] || []).push(value); });
      var kept = document.createElement("input");
      kept.type = "hidden"; kept.name = "kept-text"; kept.value = JSON.stringify(text);
      language.appendChild(kept);
    });
  });

  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
})();
