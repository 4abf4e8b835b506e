using System.Collections.Concurrent;
using Broker.Storage.Log;

namespace Broker.Storage.Scheduling;

/// <summary>A thread for each log, and some for everything else that waits for the disk, so that no thread that runs actors ever does.</summary>
public sealed class StoreThreads : IStoreScheduler
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);
    private readonly BlockingCollection<Action> _jobs = [];
    private readonly List<Thread> _threads = [];
    private readonly List<LogThread> _logs = [];

    /// <param name="threads">Threads for jobs. Default 4; at least 1.</param>
    public StoreThreads(int threads = 4)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        for (var i = 1; i <= threads; i++)
        {
            var thread = new Thread(Work) { Name = $"store-{i}", IsBackground = true };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <inheritdoc/>
    public void Start(WriteAheadLog log) => _logs.Add(new LogThread(log));

    /// <inheritdoc/>
    public void Run(Action job) => _jobs.Add(job);

    /// <summary>Ends the logs, then the jobs that were given, then the threads.</summary>
    /// <exception cref="TimeoutException">The disk does not answer.</exception>
    public void Dispose()
    {
        _logs.ForEach(log => log.Dispose());
        _jobs.CompleteAdding();
        foreach (var thread in _threads)
        {
            if (!thread.Join(StopTimeout))
            {
                throw new TimeoutException($"{thread.Name} has not ended within {StopTimeout.TotalSeconds:0} s; the disk does not answer");
            }
        }

        _jobs.Dispose();
    }

    private void Work()
    {
        foreach (var job in _jobs.GetConsumingEnumerable())
        {
            job();
        }
    }
}
