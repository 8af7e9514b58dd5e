// Two comforts that the pages do without where scripts are off: a dark theme, and copy buttons.
// A build tool puts a hash of the contents into such a name, so that browsers may keep the file for ever.

const root = document.documentElement;
const themeButton = document.querySelector("#theme");

function setTheme(theme) {
  root.dataset.theme = theme;
  themeButton.textContent = theme === "dark" ? "Light" : "Dark";
}

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
setTheme(localStorage.getItem("theme") ?? (dark ? "dark" : "light"));
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme);
  setTheme(theme);
});

// Browsers offer the clipboard on https and localhost only.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll("pre.copy")) {
    const lines = block.textContent.split("\n");
    const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(commands.join("\n"));
      button.textContent = "Copied";
    });
    block.append(button);
  }
}
