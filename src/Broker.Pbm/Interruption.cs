using System.Runtime.InteropServices;

namespace Broker.Pbm;

/// <summary>Turns Ctrl-C and SIGTERM into cancellation of the command that runs; between commands they end the process as usual.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration[] _signals;
    private CancellationTokenSource? _running;

    public Interruption() => _signals =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
    ];

    /// <summary>Runs a command that the signals cancel.</summary>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> command)
    {
        using var cancellation = new CancellationTokenSource();
        SetRunning(cancellation);
        try
        {
            return await command(cancellation.Token);
        }
        finally
        {
            SetRunning(null);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_signals, signal => signal.Dispose());

    private void SetRunning(CancellationTokenSource? cancellation)
    {
        lock (_gate)
        {
            _running = cancellation;
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        lock (_gate)
        {
            if (_running is not null)
            {
                context.Cancel = true;
                _running.Cancel();
            }
        }
    }
}
