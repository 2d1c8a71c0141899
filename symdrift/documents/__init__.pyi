from .report import write_report as write_report
from .writing import write_derivation as write_derivation
from .writing import write_document as write_document
