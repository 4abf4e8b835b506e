using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Broker.Node.Tests.Processes;

/// <summary>A process of its own; what it prints is kept.</summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;
    private const int MaxKeptCharacters = 4 << 20;
    private readonly Process _process;
    private readonly Action<string>? _onLine;
    private readonly StringBuilder _standardOutput = new();
    private readonly StringBuilder _standardError = new();
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ChildProcess(ProcessStartInfo start, Action<string>? onLine)
    {
        _onLine = onLine;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, e) => Keep(_standardOutput, e.Data);
        _process.ErrorDataReceived += (_, e) => Keep(_standardError, e.Data);
    }

    public int Id { get; private set; }

    public int ExitCode => _process.ExitCode;

    public bool HasExited => _process.HasExited;

    /// <summary>Completes when the process is gone and everything that it printed was read.</summary>
    public Task Exited => _exited.Task;

    public string StandardOutput => Read(_standardOutput);

    public string StandardError => Read(_standardError);

    /// <summary>For failure messages.</summary>
    public string Transcript => $"--- standard output\n{StandardOutput}--- standard error\n{StandardError}---";

    /// <summary>The command that runs a program which was built beside this test.</summary>
    /// <param name="program">File name of its assembly.</param>
    /// <param name="arguments">Passed as they are.</param>
    public static string[] DotNet(string program, params IEnumerable<string> arguments) =>
        [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Path.Combine(AppContext.BaseDirectory, program), .. arguments];

    /// <summary>Starts a command.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="environment">Set on top of this process's environment, without its own BROKER_ variables.</param>
    /// <param name="folder">The working directory. Default: this process's.</param>
    /// <param name="onLine">Called with each line of standard output, on the thread that reads it.</param>
    public static ChildProcess Start(
        IReadOnlyList<string> command, IEnumerable<(string Name, string Value)>? environment = null, string folder = "", Action<string>? onLine = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("BROKER_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        var child = new ChildProcess(start, onLine);
        child._process.Start();
        child.Id = child._process.Id;
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        _ = child.AwaitExitAsync();
        return child;
    }

    /// <summary>Writes to standard input and ends it.</summary>
    public async Task TypeAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        _process.StandardInput.Close();
    }

    /// <summary>SIGTERM, to this process and no other.</summary>
    public void Terminate() => Signal(SigTerm);

    /// <summary>SIGSTOP: it gets no more turns, and does not know that it gets none.</summary>
    public void Pause() => Signal(SigStop);

    /// <summary>SIGCONT.</summary>
    public void Resume() => Signal(SigCont);

    /// <summary>SIGKILL, to this process and no other.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    // This wait, and not the Exited event, ends only after the last line was read.
    private async Task AwaitExitAsync()
    {
        await _process.WaitForExitAsync();
        _exited.SetResult();
    }

    private void Keep(StringBuilder kept, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (kept)
        {
            if (kept.Length < MaxKeptCharacters)
            {
                kept.Append(line).Append('\n');
            }
        }

        if (ReferenceEquals(kept, _standardOutput))
        {
            _onLine?.Invoke(line);
        }
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited)
        {
            Assert.Equal(0, Kill(Id, signal));
        }
    }

    private static string Read(StringBuilder kept)
    {
        lock (kept)
        {
            return kept.ToString();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
