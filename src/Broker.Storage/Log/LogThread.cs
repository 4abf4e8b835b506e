namespace Broker.Storage.Log;

/// <summary>The thread that writes a log: it sleeps while nothing is appended, and never waits for more once something is.</summary>
public sealed class LogThread : IDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);
    private readonly WriteAheadLog _log;
    private readonly TimeSpan _markAfter;
    private readonly TimeSpan _retryAfter;
    private readonly SemaphoreSlim _wake = new(0); // not disposed of: it holds nothing, and somebody may append to the log after the thread
    private readonly Thread _thread;
    private int _signalled;
    private volatile bool _stopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="log">Its <see cref="WriteAheadLog.Wake"/> is taken over.</param>
    /// <param name="markAfter">Idle time after which a mark is written. Default 100 ms.</param>
    /// <param name="retryAfter">How often a full disk is tried again. Default 200 ms.</param>
    public LogThread(WriteAheadLog log, TimeSpan? markAfter = null, TimeSpan? retryAfter = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        _log = log;
        _markAfter = markAfter ?? TimeSpan.FromMilliseconds(100);
        _retryAfter = retryAfter ?? TimeSpan.FromMilliseconds(200);
        log.Wake = Signal;
        _thread = new Thread(Run) { Name = "log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Writes what was appended, marks the end, and ends the thread. The log stays open.</summary>
    /// <exception cref="TimeoutException">The disk does not answer.</exception>
    public void Dispose()
    {
        _stopping = true;
        Signal();
        if (!_thread.Join(StopTimeout))
        {
            throw new TimeoutException($"the log's thread has not ended within {StopTimeout.TotalSeconds:0} s; the disk does not answer");
        }
    }

    private void Signal()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _wake.Release();
        }
    }

    private void Run()
    {
        var marked = true;
        while (true)
        {
            var timeout = _log.State == LogState.Full ? _retryAfter : marked ? Timeout.InfiniteTimeSpan : _markAfter;
            var woken = _wake.Wait(timeout);
            Volatile.Write(ref _signalled, 0);
            Interlocked.MemoryBarrier(); // whoever appends after this signals again
            var any = false;
            while (_log.CommitGroup())
            {
                any = true;
            }

            if (_stopping)
            {
                _log.CommitMark();
                return;
            }

            if (any)
            {
                marked = false;
            }
            else if (!woken)
            {
                _log.CommitMark();
                marked = true;
            }
        }
    }
}
