using System.Text;
using Broker.Pbm.Session;

namespace Broker.Pbm.Tests;

/// <summary>Runs command lines against a <see cref="FakeSession"/> and keeps what they write.</summary>
internal sealed class PbmRun : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly MemoryStream _output = new();
    private readonly StringWriter _error = new() { NewLine = "\n" };
    private readonly PbmConsole _console;
    private readonly PbmApplication _application;

    public PbmRun(FakeSession? session = null, string input = "", bool isTerminal = false, PbmException? refusal = null)
    {
        Session = session ?? new FakeSession();
        _console = new PbmConsole(new MemoryStream(Encoding.UTF8.GetBytes(input)), _output, _error, isTerminal, isInteractive: false);
        _application = new PbmApplication(_console, (target, _) =>
        {
            Targets.Add(target);
            return refusal is null ? Task.FromResult<IBrokerSession>(Session) : Task.FromException<IBrokerSession>(refusal);
        });
    }

    public FakeSession Session { get; }

    public List<SessionTarget> Targets { get; } = [];

    public string Output => Encoding.UTF8.GetString(_output.ToArray());

    public string Error => _error.ToString();

    public PbmConsole Console => _console;

    /// <summary>Runs one command line, with a folder of certificates that need not exist.</summary>
    public Task<ExitCode> RunAsync(params string[] arguments) => RunAsync(CancellationToken.None, arguments);

    public Task<ExitCode> RunAsync(CancellationToken cancellationToken, params string[] arguments) =>
        _application.RunAsync([.. arguments, "--certs", "/nowhere"], cancellationToken).WaitAsync(s_patience, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _console.Dispose();
    }
}
