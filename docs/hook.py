"""What mkdocs calls while it builds: the pages that are made of the code come in here."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs.generated import generated_pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each that is made of the code."""
    for name, text in generated_pages().items():
        files.append(File.generated(config, name, content=text))
    return files
