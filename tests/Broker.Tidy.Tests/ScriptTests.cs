using System.Diagnostics;

namespace Broker.Tidy.Tests;

/// <summary>What the scripts make of what they read.</summary>
public class ScriptTests
{
    [Theory]
    [InlineData("succeeded=460 failed=0 skipped=148", "460 0 148")] // 0148 would be an octal number, and a wrong one
    [InlineData("succeeded=8 failed=9 skipped=", "8 9 0")]
    public async Task Counts_of_a_test_run_are_added_up_as_they_are(string counts, string sums)
    {
        var script = $"set -euo pipefail; root=.; . scripts/tests.sh; passed=0 failed=0 skipped=0; count_results x 0 '{counts}'; echo $passed $failed $skipped";
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true })!;
        var output = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();
        Assert.Equal((0, sums), (bash.ExitCode, output.Trim()));
    }
}
