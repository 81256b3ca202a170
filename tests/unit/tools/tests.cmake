gossamer_unit_test(CommandLineTests tools/CommandLineTest.cpp tools/TerminalTest.cpp
  LINK gossamer_tools_support)
gossamer_unit_test(CompilerTests tools/AssemblyTextTest.cpp tools/CompilerTest.cpp LINK GossamerCompilerDriver MLIR)
gossamer_unit_test(BenchTests tools/KernelProfileTest.cpp LINK gossamer_roofline)
gossamer_unit_test(EvalTests tools/EvalTest.cpp LINK gossamer_tools_eval)
gossamer_unit_test(ObserversTests tools/ObserversTest.cpp LINK gossamer_observers)
gossamer_unit_test(InspectTests tools/CodeReportTest.cpp tools/DeviceCodeTest.cpp
  tools/ReportDiffTest.cpp tools/ReportTextTest.cpp tools/WeightReportTest.cpp
  LINK gossamer_report)
gossamer_unit_test(ValidateTests tools/ValidateTest.cpp tools/ValidationPagesTest.cpp
  LINK gossamer_validate)
gossamer_unit_test(ReportHtmlTests tools/ReportHtmlTest.cpp LINK gossamer_report)
gossamer_unit_test(ReportTests tools/ReportJsonTest.cpp tools/ReportTest.cpp
  LINK gossamer_report)
