using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>A transaction as etcd's, made once and sent as often as it takes.</summary>
internal sealed class EtcdTransaction
{
    private readonly EtcdKeys _keys;
    private readonly IReadOnlyList<MetadataCondition> _conditions;
    private readonly TxnRequest _request = new();

    /// <summary>Copies what the caller may change afterwards.</summary>
    public EtcdTransaction(MetadataTransaction transaction, EtcdKeys keys)
    {
        _keys = keys;
        _conditions = [.. transaction.Conditions];
        foreach (var (key, revision) in _conditions)
        {
            _request.Compare.Add(
                new Compare { Key = keys.Of(key), Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision });
        }

        _request.Success.AddRange(transaction.Operations.Select(Encode));
        foreach (var key in _conditions.Select(condition => condition.Key).Distinct(StringComparer.Ordinal).Order(MetadataKeyOrder.Instance))
        {
            _request.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = keys.Of(key) } });
        }

        Leases = [.. transaction.Operations.Select(operation => operation.LeaseId).Where(lease => lease != 0).Distinct()];
    }

    /// <summary>Whether it writes.</summary>
    public bool Writes => _request.Success.Count > 0;

    /// <summary>Whether it may have one condition and one operation more, without which its outcome cannot be found out.</summary>
    public bool HasRoom => Math.Max(_request.Compare.Count, _request.Success.Count) < MetadataLimits.MaxOperations;

    /// <summary>The leases that it names.</summary>
    public IReadOnlyList<long> Leases { get; }

    /// <summary>The request.</summary>
    /// <param name="mark">What to leave; <c>null</c> for nothing.</param>
    public TxnRequest Request(EtcdMark? mark)
    {
        if (mark is null)
        {
            return _request;
        }

        var request = new TxnRequest { Compare = { _request.Compare }, Success = { _request.Success }, Failure = { _request.Failure } };
        mark.AddTo(request);
        return request;
    }

    /// <summary>What etcd's answer says.</summary>
    public MetadataCommit Read(TxnResponse response) => response.Succeeded
        ? new MetadataCommit(true, response.Header.Revision, [])
        : new MetadataCommit(false, response.Header.Revision, [.. response.Responses.SelectMany(each => each.ResponseRange.Kvs).Select(_keys.ValueOf)]);

    /// <summary>Whether its conditions hold for the values that came with a refusal, so that it was not for them that it was refused.</summary>
    public bool HoldsFor(MetadataCommit refusal)
    {
        var revisions = refusal.Current.ToDictionary(value => value.Key, value => value.ModRevision, StringComparer.Ordinal);
        return _conditions.All(condition => revisions.GetValueOrDefault(condition.Key) == condition.ModRevision);
    }

    private RequestOp Encode(MetadataOperation operation) => operation.Value is { } value
        ? new RequestOp { RequestPut = new PutRequest { Key = _keys.Of(operation.Key), Value = ByteString.CopyFrom(value.Span), Lease = operation.LeaseId } }
        : new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = _keys.Of(operation.Key) } };
}
