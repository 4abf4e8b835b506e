using Broker.Storage.Records;

namespace Broker.Storage.Recovery;

/// <summary>Who takes in what a log holds, in the order in which it was written.</summary>
public interface ILogRecoveryHandler
{
    /// <summary>A record of an entity. Its bytes are good during the call only; messages of it may be damaged.</summary>
    void OnRecord(StoredRecord record);

    /// <summary>A piece is damaged. If its record's messages can be told apart, the record comes too.</summary>
    void OnDamage(StoreDamage damage);

    /// <summary>Records are missing, as those that are there show.</summary>
    void OnLost(LostRecords lost);

    /// <summary>The log ended in a record that was not finished.</summary>
    void OnTornTail(TornTail tail);

    /// <summary>All was read: from which position on does each entity need the log?</summary>
    IEnumerable<(ulong Entity, long NeededFrom)> Complete();
}
