//===- TerminalTest.cpp - Streams and units of the tools ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/Terminal.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

TEST(Output, ReportsAReaderThatIsGone) {
  installSignalHandlers();
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  Output output(ends[1]);
  EXPECT_TRUE(output.write("seen"));
  close(ends[0]);
  EXPECT_EQ(output.write("unseen").code(), StatusCode::IoError);
  EXPECT_TRUE(output.isReaderGone());
  close(ends[1]);
}

TEST(Output, ReportsAFullDevice) {
  int full = open("/dev/full", O_WRONLY);
  if (full < 0)
    GTEST_SKIP() << "/dev/full is missing";
  Output output(full);
  EXPECT_EQ(output.write("text").code(), StatusCode::IoError);
  EXPECT_FALSE(output.isReaderGone());
  close(full);
}

TEST(ReadTextFile, NamesTheFile) {
  Expected<std::string> missing = readTextFile("/nowhere/at/all");
  EXPECT_EQ(missing.status().code(), StatusCode::NotFound);
  EXPECT_NE(missing.status().message().find("/nowhere/at/all"),
            std::string::npos);
  EXPECT_EQ(readTextFile("/").status().code(), StatusCode::IoError);
}

TEST(Interrupt, FlagBecomesAStatus) {
  installSignalHandlers();
  raise(SIGINT);
  EXPECT_EQ(checkInterrupt().code(), StatusCode::Interrupted);
  EXPECT_TRUE(clearInterrupt());
  EXPECT_FALSE(clearInterrupt());
  EXPECT_TRUE(checkInterrupt());
}

TEST(Interrupt, EndsAWaitWhicheverThreadTakesTheSignal) {
  installSignalHandlers();
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  raise(SIGINT); // Before the wait begins.
  EXPECT_EQ(waitForInput(ends[0]).code(), StatusCode::Interrupted);
  clearInterrupt();
  std::thread other([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pthread_kill(pthread_self(), SIGINT);
  });
  EXPECT_EQ(waitForInput(ends[0]).code(), StatusCode::Interrupted);
  other.join();
  clearInterrupt();
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_TRUE(waitForInput(ends[0]));
  close(ends[0]);
  close(ends[1]);
}

TEST(Format, UsesReadableUnits) {
  EXPECT_EQ(formatBytes(999), "999 B");
  EXPECT_EQ(formatBytes(7741616), "7.7 MB");
  EXPECT_EQ(formatBytes(13761264768), "13.8 GB");
  EXPECT_EQ(formatSeconds(0.0000125), "12 us");
  EXPECT_EQ(formatSeconds(0.0042), "4.2 ms");
  EXPECT_EQ(formatSeconds(0.42), "420 ms");
  EXPECT_EQ(formatSeconds(12.345), "12.35 s");
  EXPECT_EQ(formatCount(0), "0");
  EXPECT_EQ(formatCount(1234567), "1,234,567");
  EXPECT_EQ(formatCount(123), "123");
  EXPECT_EQ(formatParameters(20914757184), "20.9 B");
  EXPECT_EQ(formatParameters(9062352), "9.1 M");
}

} // namespace
