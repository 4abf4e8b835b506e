using Broker.Storage.Log;

namespace Broker.Storage.Scheduling;

/// <summary>Where a store's blocking work runs. <see cref="StoreThreads"/> has threads for it; a simulation runs it in an order of its own.</summary>
public interface IStoreScheduler : IDisposable
{
    /// <summary>Begins to write a log: from now on, what is appended is committed soon.</summary>
    void Start(WriteAheadLog log);

    /// <summary>Runs a job soon, elsewhere. It may block, and does not throw.</summary>
    void Run(Action job);
}
