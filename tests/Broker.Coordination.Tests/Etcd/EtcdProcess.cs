using System.Diagnostics;
using System.Globalization;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>An etcd, under a shell that passes signals on and kills it when its input ends: so it does not outlive the tests, whatever ends them.</summary>
internal sealed class EtcdProcess : IAsyncDisposable
{
    private const string Script = """
        log=$1; shift
        "$@" >"$log" 2>&1 </dev/null & pid=$!
        while read -r signal; do kill -"$signal" $pid 2>/dev/null; done
        kill -KILL $pid 2>/dev/null
        wait
        """;

    private readonly Process _shell;
    private readonly string _log;

    private EtcdProcess(Process shell, string log)
    {
        _shell = shell;
        _log = log;
    }

    /// <summary>The program; another one than that of the machine can be named to run the tests with another version.</summary>
    public static string Program => Environment.GetEnvironmentVariable("BROKER_TEST_ETCD") ?? "etcd";

    /// <summary>Whether it is there.</summary>
    public static bool IsInstalled => File.Exists(Program)
        || (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Program)));

    /// <summary>Starts one.</summary>
    /// <param name="log">File for what it says.</param>
    /// <param name="options">Its options.</param>
    /// <param name="launcher">A command that replaces itself by the program. Default: none.</param>
    public static EtcdProcess Start(string log, IEnumerable<string> options, params IEnumerable<string> launcher)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script, "sh", log, .. launcher, Program, .. options]) { RedirectStandardInput = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ETCD_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        return new EtcdProcess(Process.Start(start)!, log);
    }

    public Task PauseAsync() => SignalAsync("STOP");

    public Task ResumeAsync() => SignalAsync("CONT");

    /// <summary>What it has said, for messages.</summary>
    public string LastWords() => File.Exists(_log) ? string.Join('\n', File.ReadLines(_log).TakeLast(10)) : "";

    /// <summary>Kills it, also while it is paused.</summary>
    public async ValueTask DisposeAsync()
    {
        _shell.StandardInput.Close();
        using var late = new CancellationTokenSource(Contract.Patience.Limit);
        try
        {
            await _shell.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"etcd has not ended within {Contract.Patience.Limit.TotalSeconds} s of being killed"));
        }

        _shell.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        await _shell.StandardInput.WriteLineAsync(signal);
        await _shell.StandardInput.FlushAsync();
    }
}
