using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>
/// A key that a transaction writes beside what it is for, if it is still as the last one left it. When no answer comes, the mark tells what became of the transaction. To look is not
/// enough, as the request may still be on its way in a member that hangs: so the mark is <em>fenced</em>, which is to write it under the same condition. Of the two, only one takes place, ever.
/// </summary>
/// <param name="key">The key.</param>
/// <param name="lease">The lease that it goes with, so that it does not stay when its process is gone.</param>
internal sealed class EtcdMark(ByteString key, EtcdMarkLease lease)
{
    private static readonly ByteString s_committed = ByteString.CopyFromUtf8("committed");
    private static readonly ByteString s_fenced = ByteString.CopyFromUtf8("fenced");

    public EtcdMarkLease Lease => lease;

    /// <summary>When it was last written; 0: it is absent.</summary>
    public long ModRevision { get; set; }

    /// <summary>Makes a transaction leave the mark.</summary>
    public void AddTo(TxnRequest request)
    {
        request.Compare.Add(IsAsItWas());
        request.Success.Add(Write(s_committed));
    }

    /// <summary>A transaction that excludes the one without an answer; if it is too late for that, it reads who was first.</summary>
    public TxnRequest Fence() => new()
    {
        Compare = { IsAsItWas() },
        Success = { Write(s_fenced) },
        Failure = { new RequestOp { RequestRange = new RangeRequest { Key = key } } },
    };

    /// <summary>Whether the one who was first is the transaction, and not a fence without an answer.</summary>
    public static bool IsCommitted(KeyValue mark) => mark.Value == s_committed;

    private Compare IsAsItWas() => new() { Key = key, Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = ModRevision };

    private RequestOp Write(ByteString value) => new() { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease.Id } };
}
