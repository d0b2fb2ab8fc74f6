"""What MkDocs does not do by itself: see mkdocs.yml.

- Links that leave docs/ lead to the repository's address (`repository` in Cargo.toml), or become plain text without one.
- A link to a folder leads to its README.md, as on a code host.
- Headings have the anchors of a code host, so that one link serves both.
- A notebook becomes a page, and links to it lead there. The Markdown of a sample report stays the file that it is.
- The style sheet gets the colours of code.
"""

import json
import posixpath
import re
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from mkdocs.structure.files import File, InclusionLevel
from pygments.formatters import HtmlFormatter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
from anchors import slug  # noqa: E402

# Left out of docs/ by mkdocs.yml, for as a page it would take the place of report.html beside it.
REPORT = "sample/report/report.md"
# The page that is rendered: MkDocs renders one after the other, and tells a Markdown extension nothing about it.
now = {"page": "", "repository": ""}


def repository():
    found = re.search(r'^repository\s*=\s*"([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].rstrip("/").removesuffix(".git") if found else ""


class Outside(Treeprocessor):
    """Leads links out of docs/ to the repository, and links to folders to what is read there."""

    def run(self, root):
        for element in root.iter("a"):
            target = urlsplit(element.get("href", ""))
            if target.scheme or target.netloc or not target.path or target.path.startswith("/"):
                continue
            path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(now["page"]), unquote(target.path)))
            folder = (ROOT / path).is_dir()
            if path.startswith("docs/"):
                if folder and (ROOT / path / "README.md").is_file():
                    element.set("href", posixpath.join(target.path, "README.md"))
                elif path.endswith(".ipynb") and path.removesuffix(".ipynb") != f"docs/{now['page'].removesuffix('.md')}":
                    element.set("href", target.path.removesuffix(".ipynb") + ".md")
            elif now["repository"]:
                kind = "tree" if folder else "blob"
                anchor = f"#{target.fragment}" if target.fragment else ""
                element.set("href", f"{now['repository']}/{kind}/main/{quote(path)}{anchor}")
            else:
                element.tag = "span"
                element.attrib.clear()


class OutsideExtension(Extension):
    def extendMarkdown(self, md):
        # Before MkDocs resolves what is left (priority 0).
        md.treeprocessors.register(Outside(md), "outside", 1)


class Asis(File):
    """A file of Markdown that is no page of the site."""

    def is_documentation_page(self):
        return False


def on_config(config):
    now["repository"] = (config.repo_url or repository()).rstrip("/")
    config.repo_url = now["repository"] or None
    config.mdx_configs.setdefault("toc", {})["slugify"] = lambda text, separator: slug(text)
    config.markdown_extensions.append(OutsideExtension())
    return config


def on_files(files, config):
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            made = notebook(file.abs_src_path, posixpath.basename(file.src_uri))
            files.append(File.generated(config, file.src_uri.removesuffix(".ipynb") + ".md", content=made))
    asis = Asis(REPORT, config.docs_dir, config.site_dir, config.use_directory_urls, dest_uri=REPORT)
    asis.inclusion = InclusionLevel.INCLUDED
    files.append(asis)
    style = (HERE / "site.css").read_text(encoding="utf-8")
    style += HtmlFormatter(style="default").get_style_defs(".codehilite") + "\n"
    style += HtmlFormatter(style="github-dark").get_style_defs('[data-bs-theme="dark"] .codehilite') + "\n"
    files.append(File.generated(config, "css/site.css", content=style))
    return files


def on_page_markdown(markdown, page, config, files):
    now["page"] = page.file.src_uri
    return markdown


def on_post_page(output, page, config):
    return stand_in_sheets(output)


def on_post_template(output, template_name, config):
    return stand_in_sheets(output)


def stand_in_sheets(output):
    """The theme's switch for dark pages stops with an error where the sheets of its own colours of code are left out."""
    return output.replace("</head>", '<style id="hljs-light"></style><style id="hljs-dark"></style></head>', 1)


def notebook(path, name):
    """A notebook as Markdown: its texts, its code, and what was printed where that is kept."""
    parts = []
    for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(text)
        elif cell["cell_type"] == "code" and text:
            parts.append(f"```python\n{text}\n```")
            for output in cell.get("outputs", []):
                data = output.get("text") or output.get("data", {}).get("text/plain") or ""
                if "".join(data).strip():
                    parts.append(f"```text\n{''.join(data).rstrip()}\n```")
    parts.append(f"The notebook itself: [{name}]({name}).")
    return "\n\n".join(parts) + "\n"
