namespace Broker.Node.Tests.Durability;

/// <summary>Looks at a figure ten times a second and keeps the highest.</summary>
internal sealed class Peak : IAsyncDisposable
{
    private readonly Func<long> _read;
    private readonly PeriodicTimer _timer = new(TimeSpan.FromMilliseconds(100));
    private readonly Task _running;
    private long _highest;

    public Peak(Func<long> read)
    {
        _read = read;
        _running = Task.Run(RunAsync);
    }

    /// <summary>The highest so far.</summary>
    public long Highest => Math.Max(Volatile.Read(ref _highest), _read());

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _running;
    }

    private async Task RunAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            Volatile.Write(ref _highest, Math.Max(_highest, _read()));
        }
    }
}
