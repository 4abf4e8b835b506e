using Broker.Storage.Log;
using Broker.Storage.Scheduling;

namespace Broker.Simulation.Tests.Nodes;

/// <summary>
/// Everything that runs in a simulated node, on one thread, in an order that only the seed decides: actors, the log's commits, jobs that wait for the disk, and what comes after an
/// <c>await</c>.
/// </summary>
internal sealed class SimulatedThread(Random random) : SynchronizationContext, IStoreScheduler
{
    private readonly UnevenDispatcher _actors = new(random);
    private readonly List<Action> _jobs = [];
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _continuations = new();
    private WriteAheadLog? _log;
    private bool _logHasWork;

    public UnevenDispatcher Actors => _actors;

    /// <summary>The metadata store has no thread of its own here; told when it may have something to do.</summary>
    public Func<bool> StepMetadata { get; set; } = static () => false;

    /// <summary>Whether the disk is done with what the log had for it before. Default: always.</summary>
    public Func<WriteAheadLog, bool> MayCommit { get; set; } = static _ => true;

    public WriteAheadLog? Log => _log;

    public override void Post(SendOrPostCallback d, object? state) => _continuations.Enqueue((d, state));

    public void Start(WriteAheadLog log)
    {
        _log = log;
        log.Wake = () => _logHasWork = true;
    }

    public void Run(Action job) => _jobs.Add(job);

    public void Dispose()
    {
    }

    /// <summary>Runs something that is ready, drawn by lot.</summary>
    /// <returns><c>false</c> if nothing is.</returns>
    public bool Step()
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            return StepCore();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    private bool StepCore()
    {
        // Each kind gets its turn even if others are always busy; who is tried first is drawn.
        var first = random.Next(5);
        for (var i = 0; i < 5; i++)
        {
            var ran = ((first + i) % 5) switch
            {
                0 => _actors.RunOne(),
                1 => CommitLog(),
                2 => RunJob(),
                3 => Continue(),
                _ => StepMetadata(),
            };
            if (ran)
            {
                return true;
            }
        }

        return _continuations.Count > 0 || _jobs.Count > 0 || _actors.ReadyCount > 0; // a log that has failed says so, and has nothing more to do
    }

    private bool CommitLog()
    {
        if (!_logHasWork || _log is null || !MayCommit(_log))
        {
            return false;
        }

        _logHasWork = _log.CommitGroup() || _log.State == LogState.Full;
        return true;
    }

    private bool RunJob()
    {
        if (_jobs.Count == 0)
        {
            return false;
        }

        var index = random.Next(_jobs.Count);
        var job = _jobs[index];
        _jobs.RemoveAt(index);
        job();
        return true;
    }

    private bool Continue()
    {
        if (!_continuations.TryDequeue(out var continuation))
        {
            return false;
        }

        continuation.Callback(continuation.State);
        return true;
    }
}
