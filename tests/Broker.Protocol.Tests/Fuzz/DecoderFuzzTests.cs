using System.Buffers;
using System.Text.Json.Nodes;
using Broker.Protocol.Tests.Codecs;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Fuzz;

/// <summary>No bytes make a decoder throw, or allocate out of proportion to them; and what it takes, it can write so that it takes it again.</summary>
public sealed class DecoderFuzzTests
{
    /// <summary>
    /// A list item of one byte becomes a value of 24 bytes, at up to five levels of a table; a fault's text and a frame's object come on top. A length that
    /// is believed
    /// before it is checked allocates megabytes and stands out.
    /// </summary>
    private const int AllocatedPerByte = 200;
    private const int AllocatedBase = 8192;

    public static TheoryData<string> Decoders => FrameCodecs.Names;

    [Theory]
    [MemberData(nameof(Decoders))]
    public void A_valid_payload_cut_at_any_byte_does_not_throw(string decoder)
    {
        var codec = FrameCodecs.Named(decoder);
        foreach (var payload in PayloadsOf(codec))
        {
            for (var length = 0; length < payload.Length; length++)
            {
                Check(codec, payload[..length], () => $"{decoder}, first {length} bytes of {Convert.ToHexStringLower(payload)}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void A_valid_payload_with_a_byte_too_many_is_refused(string decoder)
    {
        var codec = FrameCodecs.Named(decoder);
        string[] endWithTheRest = ["PUBLISH", "DELIVER", "GET_OK", "MESSAGE", "ADMIN_REQUEST", "ADMIN_ROW", "SHARD_MESSAGE"];
        if (endWithTheRest.Contains(decoder))
        {
            return;
        }

        foreach (var payload in PayloadsOf(codec))
        {
            Assert.False(codec.Decode([.. payload, 0], null, null, out var fault));
            Assert.Equal(ErrorCode.ProtocolViolation, fault.Code);
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Random_bytes_do_not_throw(string decoder)
    {
        var codec = FrameCodecs.Named(decoder);
        for (var i = 0; i < FuzzSettings.Iterations; i++)
        {
            var random = FuzzSettings.Start(decoder + " random", i);
            var bytes = Mutator.Random(ref random);
            Check(codec, bytes, () => FuzzSettings.Describe(decoder, i, bytes));
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Mutated_payloads_do_not_throw(string decoder)
    {
        var codec = FrameCodecs.Named(decoder);
        var valid = PayloadsOf(codec).ToArray();
        for (var i = 0; i < FuzzSettings.Iterations; i++)
        {
            var random = FuzzSettings.Start(decoder + " mutated", i);
            var bytes = Mutator.Mutate(valid[random.Below(valid.Length)], valid[random.Below(valid.Length)], ref random);
            Check(codec, bytes, () => FuzzSettings.Describe(decoder, i, bytes));
        }
    }

    private static IEnumerable<byte[]> PayloadsOf(FrameCodec codec) =>
        Samples.All.Where(sample => sample.Codec == codec.Name).Select(sample => codec.PayloadOf(sample.Bytes).ToArray());

    private static void Check(FrameCodec codec, byte[] bytes, Func<string> describe)
    {
        try
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var taken = codec.Decode(bytes, null, null, out var fault);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= AllocatedBase + (AllocatedPerByte * bytes.Length), $"{allocated} bytes allocated for {bytes.Length}");
            if (taken)
            {
                CheckWrittenAgain(codec, bytes);
            }
            else
            {
                Assert.NotEqual(ErrorCode.NoError, fault.Code);
                Assert.NotEmpty(fault.Reason);
            }
        }
        catch (Exception e)
        {
            Assert.Fail($"{e.GetType().Name}: {e.Message}\n{describe()}\n{e.StackTrace}");
        }
    }

    private static void CheckWrittenAgain(FrameCodec codec, byte[] bytes)
    {
        var once = new JsonObject();
        var twice = new JsonObject();
        var again = new ArrayBufferWriter<byte>();
        Assert.True(codec.Decode(bytes, once, again, out _));
        Assert.True(codec.Decode(codec.PayloadOf(again.WrittenSpan.ToArray()), twice, null, out var fault), fault.Reason);
        Assert.Equal(once.ToJsonString(), twice.ToJsonString());
    }
}
