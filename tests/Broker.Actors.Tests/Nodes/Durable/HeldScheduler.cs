using Broker.Storage.Log;
using Broker.Storage.Scheduling;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>The threads of a store, which begin with a job, or come back from waking the log, only when they are let. Any order of jobs is one that a busy machine may have.</summary>
internal sealed class HeldScheduler(IStoreScheduler threads) : IStoreScheduler
{
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource _wakeHeld = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stack<Action> _jobs = new();
    private int _jobsToGo = int.MaxValue;
    private int _holdsWake;

    /// <summary>What the next one does who wakes the log: one that appends, in the middle of its turn.</summary>
    public Action? OnWake { get; set; }

    /// <summary>Jobs that wait.</summary>
    public int HeldJobs
    {
        get
        {
            lock (_jobs)
            {
                return _jobs.Count;
            }
        }
    }

    public void Start(WriteAheadLog log)
    {
        threads.Start(log);
        var wake = log.Wake;
        log.Wake = () =>
        {
            wake();
            if (Interlocked.Exchange(ref _holdsWake, 0) == 1)
            {
                _wakeHeld.SetResult();
                _wake.Wait(WireConnection.Timeout * 2);
            }

            OnWake?.Invoke();
        };
    }

    public void Run(Action job)
    {
        lock (_jobs)
        {
            if (_jobsToGo == 0)
            {
                _jobs.Push(job);
                return;
            }

            _jobsToGo--;
        }

        threads.Run(job);
    }

    /// <summary>Holds the next one who wakes the log.</summary>
    public void HoldWake() => Volatile.Write(ref _holdsWake, 1);

    public Task WakeHeldAsync() => _wakeHeld.Task.WaitAsync(WireConnection.Timeout);

    public void ReleaseWake() => _wake.Set();

    /// <summary>Lets only so many more jobs begin.</summary>
    public void HoldJobs(int after = 0)
    {
        lock (_jobs)
        {
            _jobsToGo = after;
        }
    }

    /// <summary>Runs the jobs that were held, the last one first, and lets others begin.</summary>
    public void ReleaseJobs()
    {
        lock (_jobs)
        {
            _jobsToGo = int.MaxValue;
            var held = _jobs.ToList();
            _jobs.Clear();
            threads.Run(() => held.ForEach(job => job()));
        }
    }

    public void Dispose()
    {
        ReleaseWake();
        ReleaseJobs();
        threads.Dispose();
    }
}
